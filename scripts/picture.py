"""The picture at the top of the README, drawn from a benchmark's result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHOWN = {
    "base": "base",
    "retrained": "retrained",
    "logit-mask": "logit mask",
    "lora-ga": "LoRA + ascent",
    "lora-ihl": "LoRA + IHL",
}
BARS = (("forget_test_accuracy", "#d1495b", "forgotten class"), ("retain_test_accuracy", "#30638e", "all other classes"))
WIDTH, HEIGHT, LEFT, TOP, FLOOR = 760, 280, 20, 56, 220
_TEXT = 'font-family="system-ui, sans-serif" fill="#777"'


def picture(result: Path) -> str:
    """Bars of the accuracy on the forgotten class and on the others, for a handful of methods.

    Args:
        result: A result file of the experiment `table1`.

    Returns:
        An SVG image.
    """
    document = json.loads(result.read_text(encoding="utf-8"))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">']
    parts.append(f"<title>{document['title']}: accuracy on test images</title>")
    parts.append(f'<text x="{LEFT}" y="22" font-size="15" {_TEXT}>{document["title"]}: accuracy on test images, per cent</text>')
    parts += _legend()
    step = (WIDTH - 2 * LEFT) / len(SHOWN)
    for place, (method, label) in enumerate(SHOWN.items()):
        parts += _group(LEFT + place * step, step, label, document["summary"][method])
    return "\n".join([*parts, "</svg>", ""])


def _legend() -> list[str]:
    parts = []
    for place, (_, colour, label) in enumerate(BARS):
        x = LEFT + 160 * place
        parts.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 15}" y="41" font-size="12" {_TEXT}>{label}</text>')
    return parts


def _group(x: float, width: float, label: str, summary: dict[str, Any]) -> list[str]:
    bar = (width - 30) / len(BARS)
    parts = [f'<text x="{x + width / 2:.1f}" y="{FLOOR + 22}" text-anchor="middle" font-size="13" {_TEXT}>{label}</text>']
    for place, (metric, colour, _) in enumerate(BARS):
        share = float(summary[metric]["mean"])
        left, height = x + 15 + place * bar, max(1.0, share * (FLOOR - TOP - 16))
        middle, top = left + bar / 2, FLOOR - height
        parts.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="{bar - 4:.1f}" height="{height:.1f}" fill="{colour}"/>')
        parts.append(
            f'<text x="{middle - 2:.1f}" y="{top - 4:.1f}" text-anchor="middle" font-size="12" {_TEXT}>{100 * share:.1f}</text>'
        )
    return parts
