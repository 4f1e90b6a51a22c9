import pytest

from planner.estimator.software import software_class, usual_loss


@pytest.mark.parametrize(
    ("framework", "expected"),
    [
        ("HF-TRL", "stock"),
        ("fms-hf-tuning", "stock"),
        ("peft-method-comparison", "stock"),
        ("ms-swift", "stock"),
        ("NeMo 2.1", "tuned"),
        ("megatron-lm", "tuned"),
        ("torchtitan", "lean"),
        ("litgpt-thunder-eager-baseline", "stock"),
        ("llm-foundry", "lean"),
    ],
)
def test_a_name_tells_the_class(framework: str, expected: str) -> None:
    assert software_class(framework) == expected


@pytest.mark.parametrize("framework", [None, "our-own-trainer"])
def test_an_unknown_name_has_no_class(framework: str | None) -> None:
    assert software_class(framework) is None


def test_software_with_a_loss_of_its_own_uses_it_where_nothing_is_asked_for() -> None:
    assert usual_loss("llm-foundry") == "fused_ce"
    assert usual_loss("NeMo 2.1") == "fused_ce"
    assert usual_loss("HF-TRL") is None
    assert usual_loss(None) is None
