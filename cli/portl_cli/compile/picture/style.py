"""How a picture looks: its colours by light and dark, and the signs of the step types."""

FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif"

STYLE = f"""
    svg {{
      --page: #ffffff; --box: #ffffff; --edge: #cbd5e1; --ink: #0f172a; --soft: #64748b; --line: #94a3b8;
      --frame: #f8fafc; --tag: #eef2ff; --tag-ink: #4338ca;
      --file: #0d9488; --db: #2563eb; --lambda: #ea580c; --api: #9333ea; --fork: #b45309; --wait: #64748b; --other: #475569;
      --commit: #eff6ff; --commit-edge: #2563eb;
    }}
    @media (prefers-color-scheme: dark) {{
      svg {{
        --page: #0f172a; --box: #1e293b; --edge: #475569; --ink: #f1f5f9; --soft: #a3b1c6; --line: #7c8ba1;
        --frame: #162033; --tag: #312e81; --tag-ink: #c7d2fe;
        --file: #2dd4bf; --db: #60a5fa; --lambda: #fb923c; --api: #c084fc; --fork: #fbbf24; --wait: #94a3b8; --other: #94a3b8;
        --commit: #172a4d; --commit-edge: #60a5fa;
      }}
    }}
    text {{ font-family: {FONT}; fill: var(--ink); }}
    .page {{ fill: var(--page); }}
    .heading {{ font-size: 17px; font-weight: 600; }}
    .title {{ font-size: 13.5px; font-weight: 600; }}
    .note {{ font-size: 11.5px; fill: var(--soft); }}
    .row {{ font-size: 12px; font-weight: 600; }}
    .question {{ font-size: 11.5px; font-weight: 600; }}
    .tag {{ font-size: 10.5px; fill: var(--tag-ink); }}
    .tag-box {{ fill: var(--tag); }}
    .way {{ font-size: 11px; fill: var(--soft); }}
    .way-box {{ fill: var(--page); stroke: var(--edge); }}
    .frame .way-box {{ fill: var(--frame); }}
    .count {{ font-size: 11px; font-weight: 600; fill: var(--soft); text-anchor: end; }}
    .box {{ fill: var(--box); stroke: var(--edge); stroke-width: 1.2; }}
    .frame > .box {{ fill: var(--frame); stroke-dasharray: 5 4; }}
    .frame > .behind {{ fill: var(--frame); stroke: var(--edge); stroke-dasharray: 5 4; opacity: .55; }}
    .transaction > .box {{ fill: var(--commit); stroke: var(--commit-edge); stroke-width: 1.8; }}
    .rule {{ stroke: var(--commit-edge); stroke-opacity: .3; }}
    .line {{ fill: none; stroke: var(--line); stroke-width: 1.5; }}
    .side {{ stroke-dasharray: 4 4; }}
    .head {{ fill: var(--line); }}
    .end {{ fill: none; stroke: var(--line); stroke-width: 1.5; }}
    .bar {{ fill: var(--tone); }}
    .icon {{ fill: none; stroke: var(--tone); stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }}
    .choice > .box {{ stroke: var(--fork); }}
    .file {{ --tone: var(--file); }} .db {{ --tone: var(--db); }} .lambda {{ --tone: var(--lambda); }}
    .api {{ --tone: var(--api); }} .fork {{ --tone: var(--fork); }} .wait {{ --tone: var(--wait); }}
    .other {{ --tone: var(--other); }}
"""

ICONS = {
    "file": "M4 1.5h5.5L13 5v9.5H4zM9.5 1.5V5H13M6.5 8h4M6.5 11h4",
    "db": "M2.5 3.8a5.5 2.3 0 0 1 11 0v8.4a5.5 2.3 0 0 1-11 0zM2.5 3.8a5.5 2.3 0 0 0 11 0M2.5 8a5.5 2.3 0 0 0 11 0",
    "lambda": "M3.5 2h2.8l5.2 12h1.5M7.6 6.2 3.2 14",
    "api": "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13zM1.7 8h12.6M8 1.5c-4.2 4-4.2 9 0 13M8 1.5c4.2 4 4.2 9 0 13",
    "fork": "M8 1.5 14.5 8 8 14.5 1.5 8zM8 5.6v3M8 10.6v.1",
    "wait": "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 0 0 0-13zM8 4.5V8l2.6 1.8",
    "lock": "M3.5 7h9v7.5h-9zM5.3 7V4.8a2.7 2.7 0 0 1 5.4 0V7M8 10v1.8",
    "map": "M4.5 4.5h9.5v9.5H4.5zM2 11.5V2h9.5",
    "list": "M6 4h8M6 8h8M6 12h8M2.5 4h.1M2.5 8h.1M2.5 12h.1",
    "other": "M2.5 3.5h11v9h-11z",
}
"""Drawn in a square of 16 pixels."""

_TONES = {
    "csv": "file",
    "db": "db",
    "lambda": "lambda",
    "api": "api",
    "conditional": "fork",
    "batch_items": "list",
    "outbox": "db",
}


def tone_of(step_type: str) -> str:
    """The icon of a step type, by the family before its dot."""
    return _TONES.get(step_type.partition(".")[0], "other")
