"""The pages of the reports, as Jinja templates: each one file that needs nothing else, neither network nor fonts."""

from __future__ import annotations

BASE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
:root { --ink: #1d2733; --muted: #66727f; --line: #e3e7eb; --soft: #f6f8f9; --good: #17795e; --warn: #b4232a; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 15px/1.55 -apple-system, "Segoe UI", Inter, "Helvetica Neue", Arial, "Liberation Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 44px 20px 72px; }
header { margin-bottom: 30px; }
.kicker { color: var(--muted); font-size: 13px; letter-spacing: .02em; margin: 0 0 8px; }
h1 { font-size: 38px; line-height: 1.15; letter-spacing: -.02em; font-weight: 650; margin: 0 0 10px; }
.lead { font-size: 17px; color: #3c4855; margin: 0; max-width: 850px; }
.badge { display: inline-block; border: 1px solid #cfd6dc; border-radius: 999px; padding: 1px 11px; font-size: 12.5px;
  color: #3c4855; background: var(--soft); margin-left: 6px; vertical-align: 1px; }
.alert { border-left: 4px solid var(--warn); border-radius: 3px; background: #fdf3f2; padding: 12px 16px;
  margin: 0 0 26px; }
.cards { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin: 0 0 18px; }
.card { border: 1px solid var(--line); border-radius: 9px; padding: 15px 17px 13px; }
.card .name { color: var(--muted); font-size: 13px; }
.card .value { font-size: 28px; font-weight: 620; letter-spacing: -.015em; line-height: 1.25; margin: 3px 0 2px;
  font-variant-numeric: tabular-nums; }
.card .value small { font-size: 15px; font-weight: 500; color: var(--muted); letter-spacing: 0; }
.card .note { color: var(--muted); font-size: 12.5px; line-height: 1.4; }
h2 { font-size: 20px; letter-spacing: -.01em; font-weight: 630; margin: 46px 0 4px; }
h2 + p { margin: 0 0 14px; color: var(--muted); max-width: 850px; }
h3 { font-size: 15px; margin: 22px 0 6px; }
img { display: block; width: 100%; height: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 550; color: var(--muted); font-size: 12.5px; border-bottom: 1px solid #cfd6dc;
  padding: 5px 12px 5px 0; vertical-align: bottom; }
td { border-bottom: 1px solid var(--line); padding: 5px 12px 5px 0; vertical-align: top; }
th.n, td.n { text-align: right; padding-right: 16px; }
tr.total td { font-weight: 600; }
.outcome { font-weight: 600; white-space: nowrap; }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 44px; }
.none { color: var(--muted); }
.scroll { overflow-x: auto; }
.card .name i { display: inline-block; width: 10px; height: 10px; border-radius: 5px; margin-right: 7px; }
code { font: 12.5px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  word-break: break-word; }
pre { background: var(--soft); border-radius: 7px; padding: 11px 15px; margin: 0 0 16px; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: 185px 1fr; gap: 4px 14px; margin: 0; font-size: 13.5px; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
.columns > * { min-width: 0; }
.columns dl + table { margin-top: 14px; }
ul { padding-left: 20px; margin: 8px 0 0; max-width: 900px; }
li { margin: 5px 0; }
.limits { background: var(--soft); border-radius: 9px; padding: 4px 26px 20px; margin-top: 46px; }
.limits h2 { margin-top: 20px; }
@media (max-width: 820px) { .cards { grid-template-columns: 1fr 1fr; } .columns { grid-template-columns: 1fr; }
  img { min-width: 700px; } table { min-width: 680px; } h1 { font-size: 28px; } main { padding: 24px 16px 48px; } }
@media (max-width: 480px) { .cards, dl { grid-template-columns: 1fr; } dd { margin-bottom: 6px; } }
@media print { main { padding: 0; } h2, .card, tr { break-inside: avoid; } }
</style>
</head>
<body>
<main>
{% block main %}{% endblock %}

<section class="limits">
<h2>What this does not show</h2>
<ul>
{% for limit in limits %}<li>{{ limit }}</li>
{% endfor %}</ul>
</section>
</main>
</body>
</html>
"""
"""What all pages have: head, style, and room for the rest."""

SERIES = """{% extends "base" %}
{% block main %}
<header>
<p class="kicker">{{ started }}<span class="badge">{{ place }}</span><span class="badge">mode {{ run.mode }}</span><span
class="badge">seed {{ run.seed }}</span></p>
<h1>{{ total.inserted }} of {{ total.trials }} inserted</h1>
<p class="lead">Success rate {{ percent(total.success) }}, 95&thinsp;% Wilson interval
{{ interval(total.success_interval) }}. {{ setting }}</p>
</header>
{% if run.error %}<p class="alert"><strong>The series ended early</strong>, after {{ total.trials }} of
{{ run.planned }} trials: {{ run.error }}</p>{% endif %}

<section class="cards">
{% for card in cards %}<div class="card"><div class="name">{{ card.name }}</div>
<div class="value">{{ card.value }}{% if card.unit %} <small>{{ card.unit }}</small>{% endif %}</div>
<div class="note">{{ card.note }}</div></div>
{% endfor %}</section>

<h2>Success</h2>
<p>Inserted means seated within {{ mm(run.criterion.depth_tolerance_m) }} mm of the full depth and held there for
{{ run.criterion.hold_s }} s, within {{ '%g' | format(run.criterion.timeout_s) }} s, with the contact force (10 ms
mean) never above {{ '%g' | format(run.criterion.force_limit_n) }} N.</p>
{{ figure('success') }}

<h2>Time and force</h2>
<p>Each dot is a trial. Trials that failed count in the share on the left, so that curve ends at the success rate.</p>
{{ figure('distributions') }}

<h2>Depth over time</h2>
<p>Zero is the mouth of the socket; the green band is the full depth less the tolerance.{{ panels_note }}</p>
{{ figure('depth') }}

<h2>Force over time</h2>
<p>Norm of the tared contact force, 10 ms mean, as the sensor gave it, noise included; the dashed line is the limit.</p>
{{ figure('force') }}

<h2>Trials</h2>
<p>The <em>socket off by</em> column is how far the socket, seen from the plug in the hand, was from where the robot
believed it to be: the errors of the estimate and of the grip together, which it was not told.
{%- if obstacle %} <em>From the obstacle</em> is how near the tip came to its surface; less than 0 is inside it.
{%- endif %}</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th class="n">trial</th><th>skill</th><th>connector</th><th class="n">seed</th>
<th class="n">socket off by</th>
<th>outcome</th><th class="n">time, s</th><th class="n">peak force, N</th><th class="n">depth, mm</th>
{% if obstacle %}<th class="n">from the obstacle, mm</th>{% endif %}
<th>interventions</th></tr></thead>
<tbody>
{% for t in trials %}<tr><td class="n">{{ t.trial }}</td><td>{{ t.skill }}</td><td>{{ t.connector }}</td>
<td class="n">{{ t.seed }}</td><td class="n">{{ offset(t) }}</td>
<td class="outcome" style="color: {{ colour(t.outcome) }}">{{ t.outcome }}</td>
<td class="n">{{ '%.2f' | format(t.time_s) }}</td><td class="n">{{ '%.1f' | format(t.peak_force_n) }}</td>
<td class="n">{{ number(1000 * t.final_depth_m, 1) }} / {{ number(1000 * t.full_depth_m, 1) }}</td>
{% if obstacle %}<td class="n">{{ number(t.obstacle_clearance_mm, 1) }}</td>{% endif %}
<td>{{ kinds(t.interventions) }}</td></tr>
{% endfor %}</tbody>
</table></div>

<div class="columns">
<section>
<h2>Supervisor</h2>
<p>How often the supervisor began to change a command, and what made it stop.</p>
<div class="scroll" tabindex="0"><table><thead><tr><th>intervention</th><th class="n">times</th>
<th class="n">in trials</th></tr></thead><tbody>
{% for row in interventions %}<tr><td>{{ row.name }}</td><td class="n">{{ row.count }}</td>
<td class="n">{{ row.trials }}</td></tr>
{% else %}<tr><td colspan="3" class="none">none</td></tr>{% endfor %}</tbody></table></div>
<h3>Faults</h3>
<div class="scroll" tabindex="0"><table><tbody>
{% for name, count in total.faults.items() %}<tr><td>{{ name }}</td><td class="n">{{ count }}</td></tr>
{% else %}<tr><td class="none">none</td></tr>{% endfor %}</tbody></table></div>
</section>
<section>
<h2>Latency</h2>
<p>Age of the newest joint state when the candidate action leaves the policy, ms.</p>
<div class="scroll" tabindex="0"><table><thead><tr><th>connector</th>
<th class="n">p50</th><th class="n">p95</th><th class="n">p99</th><th class="n">max</th>
<th class="n">steps</th></tr></thead><tbody>
{% for name, figures in groups %}<tr{% if loop.last %} class="total"{% endif %}><td>{{ name }}</td>
{% for key in ('p50', 'p95', 'p99', 'max') %}<td class="n">{{ number(figures.latency_ms[key], 2) }}</td>{% endfor %}
<td class="n">{{ figures.latency_ms.count }}</td></tr>
{% endfor %}</tbody></table></div>
</section>
</div>
<div style="margin-top: 26px">{{ figure('latency') }}</div>

<h2>What was run</h2>
<p>Enough to run it again.</p>
<pre><code>{{ run.command }}</code></pre>
<div class="columns">
{% for skill in skills %}<section>
<h3>{{ skill.name }} <span class="badge">{{ skill.connector }}</span></h3>
<dl>
<dt>skill.yaml</dt><dd><code>{{ skill.manifest_sha256[:16] }}</code></dd>
{% for name, digest in skill.files.items() %}<dt>{{ name }}</dt><dd><code>{{ digest[:16] }}</code></dd>
{% endfor %}
{% for name, value in skill.training.items() %}<dt>{{ name }}</dt>
<dd>{% if name in ('command', 'commit') %}<code>{{ value }}</code>{% else %}{{ plain(value) }}{% endif %}</dd>
{% endfor %}
{% for name, value in skill.evaluated %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl>
{% if skill.modes %}<div class="scroll" tabindex="0"><table><thead><tr><th>in simulation</th><th class="n">inserted</th>
<th class="n">interval</th>
<th class="n">median, s</th><th class="n">peak force p95, N</th></tr></thead><tbody>
{% for mode, figures in skill.modes.items() %}<tr><td>{{ mode }}</td>
<td class="n">{{ percent(figures.success, 1) }}</td>
<td class="n">{{ interval(figures.success_interval, 1) }}</td><td class="n">{{ number(figures.time_s.median, 2) }}</td>
<td class="n">{{ number(figures.peak_force_n.p95, 1) }}</td></tr>
{% endfor %}</tbody></table></div>{% endif %}
</section>
{% endfor %}
</div>
<h3>Software and machine</h3>
<dl>
{% for name, value in run.versions.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}{% for name, value in run.machine.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}<dt>duration</dt><dd>{{ number(run.duration_s, 0) }} s for {{ total.trials }} trials, start-up included</dd>
<dt>starts</dt><dd>{{ starts }}</dd>
<dt>files</dt><dd><code>trials.csv</code>, <code>series.npz</code>, <code>run.json</code>, <code>run.mcap</code> beside
this page; the page is made from the first three</dd>
</dl>
{% endblock %}
"""
"""A series of trials of one or more skills."""
