"""Who is asking a server: MLflow's own environment variables say so, for every kind of question."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from planner.sources.mlflow_client import ClientReader

RUN = {
    "info": {"run_id": "r1", "experiment_id": "1", "run_name": "a", "status": "FINISHED", "start_time": 1,
             "end_time": 2, "lifecycle_stage": "active", "artifact_uri": "x"},
    "data": {"metrics": [{"key": "loss", "value": 1.0, "timestamp": 1, "step": 1}]},
}  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "experiments/search": {"experiments": [{"experiment_id": "1", "name": "chat", "lifecycle_stage": "active"}]},
    "runs/search": {"runs": [RUN]},
    "metrics/get-history-bulk": {"metrics": []},
}


class Stub(BaseHTTPRequestHandler):
    """Answers what a reader asks and keeps who asked."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer()

    def _answer(self) -> None:
        question = self.path.partition("?")[0].partition("/mlflow/")[2]
        self.asked.append((question, self.headers.get("Authorization")))
        body = json.dumps(ANSWERS.get(question, {})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_given: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    asked: list[tuple[str, str | None]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Keeping", (Stub,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({"USERNAME": "ann", "PASSWORD": "s3cret"}, f"Basic {b64encode(b'ann:s3cret').decode()}"),
        ({"TOKEN": "t0ken"}, "Bearer t0ken"),
        ({}, None),
    ],
)
def test_every_question_carries_the_credentials_of_the_environment(
    stub: tuple[str, list[tuple[str, str | None]]],
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    header: str | None,
) -> None:
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    uri, asked = stub
    (batch,) = ClientReader(uri).read(["*"])
    assert batch["raw_runs"].num_rows == 1
    assert {question for question, _ in asked} >= set(ANSWERS)
    assert {sent for _, sent in asked} == {header}
