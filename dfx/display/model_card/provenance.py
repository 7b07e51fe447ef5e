"""Where the weights come from, as far as the record knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dfx.display.figures import format_count
from dfx.display.model_card.markdown import code, facts, plain, section
from dfx.display.model_card.words import NOT_KNOWN
from dfx.records.model_card import CardRecord, ModelCard


def write_provenance(card: ModelCard) -> str:
    """Run, code and versions."""
    return section("Provenance", facts(_list_facts(card)))


def _list_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield "run", code(card.run)
    yield "uuid", code(card.run_uuid)
    yield "weights", f"epoch {card.epoch}, optimiser step {format_count(card.step)}"
    yield "weights file", code(card.digest)
    if card.record is None:
        for name in ("initial weights", "code", "trained with"):
            yield name, NOT_KNOWN
    else:
        yield "initial weights", _say_initial(card.record)
        yield "code", _say_code(card.record)
        yield "trained with", _list_versions(card.record.software) or "not recorded"
    yield "exported with", _list_versions(card.software)


def _say_initial(record: CardRecord) -> str:
    initial = record.initial
    match initial.get("source"):
        case "timm":
            words = f"timm's, {code(str(initial.get('hub') or initial.get('architecture')))}"
        case "file":
            words = f"the local file {code(str(initial.get('path')))}"
        case "random":
            return "random"
        case _:
            return "not recorded"
    sha256 = initial.get("sha256")
    return f"{words}, {code(str(sha256))}" if sha256 else words


def _say_code(record: CardRecord) -> str:
    if record.revision is None:
        return "no revision recorded"
    changes = "" if record.is_revision_all else ", with changes that were not committed"
    return f"git {code(record.revision)}{changes}"


def _list_versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {plain(version)}" for name, version in versions.items())
