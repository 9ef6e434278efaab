"""Differences of annotations as one HTML page that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment, StrictUndefined

from pipeline.comparison import KINDS, Difference, count, pieces

__all__ = ["page"]

_TEMPLATE = """\
<!DOCTYPE html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ old }} → {{ new }}</title>
<style>
body { font: 16px/1.7 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
body { color: #222; background: #fff }
table { border-collapse: collapse } th, td { padding: .1rem .7rem; text-align: right }
th:first-child { text-align: left }
thead { border-bottom: 1px solid #999 } section { border-top: 1px solid #ddd; margin-top: 1.2rem }
h2 { font-size: 1rem; margin: .6rem 0 0 }
p { margin: .3rem 0 } p b { display: inline-block; width: 3rem; font-weight: normal; color: #666 }
ul { margin: .3rem 0; padding-left: 4.2rem; font-size: .9rem } s, ins { text-decoration: none; padding: 0 .2rem }
s { background: #fbe0e0 } ins { background: #dff3df }
mark { background: #eee; border-radius: .2rem; padding: .1rem .15rem } mark.changed { outline: 2px solid #c00 }
mark::after { content: attr(title); font-size: .6rem; margin-left: .2rem; color: #555 }
.VALUE { background: #ffd3cf } .UNIT { background: #ecd3f5 } .METRIC { background: #cfeccf }
.YEAR { background: #cfe0fb } .REGION { background: #fbeab5 }
</style>
</head>
<body>
<h1>{{ old }} → {{ new }}</h1>
<p>{{ summary }}</p>
{% if table %}<table>
<thead><tr><th></th>{% for kind in kinds %}<th>{{ kind }}</th>{% endfor %}</tr></thead>
<tbody>{% for name, row in table.items() %}
<tr><th>{{ name }}</th>{% for kind in kinds %}<td>{{ row[kind] or "" }}</td>{% endfor %}</tr>{% endfor %}
</tbody></table>{% endif %}
{% for difference in differences %}<section>
<h2>{{ difference.id }}</h2>
{% for side, text in sides(difference) %}<p><b>{{ side }}</b>{% for piece, label, changed in text -%}
{% if label and piece -%}
<mark class="{{ label }}{% if changed %} changed{% endif %}" title="{{ label }}">{{ piece }}</mark>
{%- else %}{{ piece }}{% endif %}{% endfor %}</p>
{% endfor %}<ul>{% for change in difference.changes %}
<li>{{ change.what }} {{ change.kind }}: {% if change.old %}<s>{{ change.old }}</s>{% endif %}
{%- if change.old and change.new %} → {% endif -%}
{% if change.new %}<ins>{{ change.new }}</ins>{% endif %}</li>{% endfor %}
</ul>
</section>
{% endfor %}</body>
</html>
"""


def sides(difference: Difference) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """("old" or "new", pieces of the text) of each state of a record; one, unnamed, where the mentions are equal."""
    old, new = difference.old, difference.new
    if old == new:
        return [("", list(pieces(difference.text, new, new)))]
    shown = [("old", old, new), ("new", new, old)]
    return [(name, list(pieces(difference.text, own, other or ()))) for name, own, other in shown if own is not None]


def page(differences: Sequence[Difference], *, old: str, new: str, summary: str) -> str:
    """The HTML of differences; everything that comes from the records is escaped."""
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(_TEMPLATE)
    return template.render(
        differences=differences, old=old, new=new, summary=summary, kinds=KINDS, table=count(differences), sides=sides
    )
