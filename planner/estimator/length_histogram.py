"""How long samples are: exact up to a length, within 1 % above, in bounded memory."""

import math
from collections.abc import Iterator

EXACT_UP_TO = 65_536
STEP_RATIO = 1.01
"""Width of a bucket above ``EXACT_UP_TO``."""
PACKED_SAMPLE_ROWS = 20_000


class LengthHistogram:
    """Counts of samples by length (tokens, or bytes where no tokenizer is at hand)."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.rows = 0
        self.total = 0
        """Sum of all lengths, exact."""
        self.longest = 0

    def add(self, length: int, count: int = 1) -> None:
        """Counts ``count`` samples of one length >= 0."""
        self.rows += count
        self.total += length * count
        self.longest = max(self.longest, length)
        kept = length if length <= EXACT_UP_TO else _bucket(length)
        self._counts[kept] = self._counts.get(kept, 0) + count

    @property
    def mean(self) -> float:
        return self.total / self.rows if self.rows else 0.0

    def quantile(self, q: float) -> int:
        """The shortest length that at least a share ``q`` of the samples does not exceed."""
        wanted, passed = q * self.rows, 0
        for length, count in self._ascending():
            passed += count
            if passed >= wanted:
                return min(length, self.longest)
        return self.longest

    def cut_ratio(self, seq_len: int) -> float:
        """Share of the samples that are longer than ``seq_len``."""
        longer = sum(count for length, count in self._counts.items() if length > seq_len)
        return longer / self.rows if self.rows else 0.0

    def kept_mean(self, seq_len: int) -> float:
        """Mean length once every sample is cut at ``seq_len``."""
        kept = sum(min(length, seq_len) * count for length, count in self._counts.items())
        return kept / self.rows if self.rows else 0.0

    def mean_longest_of(self, batch_size: int, seq_len: int) -> float:
        """Expected length to which a random batch is padded: the sum over t >= 0 of 1 - F(t)^batch_size."""
        expected, below, passed = 0.0, 0, 0
        for length, count in self._ascending():
            width = min(length, seq_len) - below
            expected += width * (1.0 - (passed / self.rows) ** batch_size)
            below += width
            passed += count
        return expected

    def padding_ratio(self, batch_size: int, seq_len: int) -> float:
        """Share of the fed positions that is padding, when random batches are padded to their longest sample."""
        fed = self.mean_longest_of(batch_size, seq_len)
        return 1.0 - self.kept_mean(seq_len) / fed if fed else 0.0

    def packing_ratio(self, seq_len: int) -> float:
        """Share of the positions that hold tokens when whole samples are packed best-fit decreasing into ``seq_len``.

        On an evenly spaced sample of at most 20,000 rows. Source of the packing: arXiv 2404.10830, section 3.
        """
        pieces = list(self._spread(min(self.rows, PACKED_SAMPLE_ROWS)))
        if not pieces:
            return 1.0
        used = sum(min(piece, seq_len) for piece in pieces)
        return used / (best_fit_bins([min(piece, seq_len) for piece in pieces], seq_len) * seq_len)

    def _ascending(self) -> Iterator[tuple[int, int]]:
        yield from sorted(self._counts.items())

    def _spread(self, rows: int) -> Iterator[int]:
        """``rows`` lengths at evenly spaced ranks, longest first."""
        wanted = [(place + 0.5) / rows * self.rows for place in range(rows)]
        passed, place = 0, 0
        for length, count in sorted(self._counts.items(), reverse=True):
            passed += count
            while place < rows and wanted[place] <= passed:
                yield length
                place += 1


def best_fit_bins(descending: list[int], capacity: int) -> int:
    """Bins that best-fit decreasing needs for pieces no longer than ``capacity``."""
    free = [0] * (capacity + 1)
    fullest_first = _FreeSpace(capacity)
    bins = 0
    for piece in descending:
        room = fullest_first.smallest_at_least(piece)
        if room is None:
            bins += 1
            room = capacity
        else:
            free[room] -= 1
            if not free[room]:
                fullest_first.clear(room)
        left = room - piece
        if left:
            free[left] += 1
            fullest_first.mark(left)
    return bins


class _FreeSpace:
    """Sizes of free room in use, as bits of one integer: the smallest that is large enough is found at once."""

    def __init__(self, capacity: int) -> None:
        self._bits = 0
        self._capacity = capacity

    def mark(self, room: int) -> None:
        self._bits |= 1 << room

    def clear(self, room: int) -> None:
        self._bits &= ~(1 << room)

    def smallest_at_least(self, piece: int) -> int | None:
        above = self._bits >> piece
        return piece + (above & -above).bit_length() - 1 if above else None


def _bucket(length: int) -> int:
    """The middle of the bucket that holds a long length."""
    place = math.floor(math.log(length / EXACT_UP_TO) / math.log(STEP_RATIO))
    return round(EXACT_UP_TO * math.pow(STEP_RATIO, place + 0.5))
