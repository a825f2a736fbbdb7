"""A model card in Markdown, written from what was declared and computed and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_model_card(
    target: Path,
    *,
    title: str,
    use: Mapping[str, str],
    design: str,
    features: Sequence[str],
    data: str,
    metrics: Sequence[Mapping[str, Any]],
    limits: Sequence[str],
) -> Path:
    """Write the card to ``target``. ``metrics`` are those that are submitted beside it."""
    rows = [f"| {item['name']} | {item.get('population', 'overall')} | {item['value']:.3f} |" for item in metrics]
    parts = [
        f"# {title}",
        f"## Use\n\n**Intended.** {use['intended_use']}\n\n**Out of scope.** {use['out_of_scope_uses']}\n\n"
        f"**People affected.** {use['affected_people']}",
        f"## Design\n\n{design}\n\nInputs: {', '.join(features)}.",
        f"## Data\n\n{data}",
        "\n".join(["## Measured\n", "| metric | population | value |", "| --- | --- | ---: |", *rows]),
        "\n".join(["## Limits\n", *(f"- {limit}" for limit in limits)]),
    ]
    target.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return target
