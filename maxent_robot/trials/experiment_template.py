"""The page of an experiment, as a Jinja template that extends `report_template.BASE`."""

from __future__ import annotations

EXPERIMENT = """{% extends "base" %}
{% block main %}
<header>
<p class="kicker">{{ started }}<span class="badge">{{ place }}</span><span class="badge">{{ protocol.name }}</span><span
class="badge">seed {{ protocol.seed }}</span></p>
<h1>{{ title }}</h1>
<p class="lead">{{ lead }}</p>
</header>
{% if alert %}<p class="alert"><strong>{{ alert }}</strong></p>{% endif %}

<section class="cards">
{% for row in conditions %}<div class="card"><div class="name"><i style="background: {{ row.colour }}"></i>
{{ row.name }}</div>
<div class="value">{{ row.inserted }} <small>of {{ row.trials }} inserted</small></div>
<div class="note">95&thinsp;% interval {{ interval(row.success_interval) }},
median {{ number(row.time_s.median, 2) }} s,
peak force {{ number(row.peak_force_n.p50, 1) }} N</div></div>
{% endfor %}</section>

<h2>Success</h2>
<p>Inserted means {{ criterion }}. The bars are 95&thinsp;% Wilson intervals.</p>
{{ figure('success') }}
<div class="scroll" tabindex="0"><table>
<thead><tr><th>condition</th><th class="n">inserted</th><th class="n">95 % interval</th>
<th class="n">time, s: median</th>
<th class="n">95th percentile</th><th class="n">peak force, N: median</th><th class="n">95th percentile</th>
<th>other outcomes</th></tr></thead><tbody>
{% for row in conditions %}<tr><td>{{ row.name }}</td><td class="n">{{ row.inserted }} of {{ row.trials }}</td>
<td class="n">{{ interval(row.success_interval, 1) }}</td><td class="n">{{ number(row.time_s.median, 2) }}</td>
<td class="n">{{ number(row.time_s.p95, 2) }}</td><td class="n">{{ number(row.peak_force_n.p50, 1) }}</td>
<td class="n">{{ number(row.peak_force_n.p95, 1) }}</td><td>{{ row.failures }}</td></tr>
{% endfor %}</tbody></table></div>

{% if comparisons %}<h2>Comparison</h2>
<p>Pair by pair: both conditions began at the same pose with the same error of the estimate. Success by McNemar's exact
test, times and forces by the median of the differences with its bootstrap interval and by the exact sign test, in which
a failure is slower than any insertion; the curves by the log-rank test.</p>
{% for c in comparisons %}<h3>{{ c.first }} against {{ c.second }}: {{ c.verdict }}</h3>
<div class="scroll" tabindex="0"><table>
<thead><tr><th></th><th class="n">pairs</th><th class="n">{{ c.first }} more</th>
<th class="n">{{ c.second }} more</th><th class="n">difference</th><th class="n">95 % interval</th>
<th class="n">p</th></tr></thead>
<tbody>{% for row in c.rows %}<tr><td>{{ row.name }}</td><td class="n">{{ row.count }}</td>
<td class="n">{{ row.larger }}</td>
<td class="n">{{ row.smaller }}</td><td class="n">{{ row.difference }}</td><td class="n">{{ row.interval }}</td>
<td class="n">{{ row.p }}</td></tr>
{% endfor %}</tbody></table></div>
{% endfor %}{% endif %}

<h2>Time to insertion</h2>
<p>Share of the trials that have not inserted by a time, with its pointwise 95&thinsp;% interval (Kaplan-Meier). Trials
that failed by themselves stay at risk to the end of the time allowed; those that were broken off are censored
(ticks).</p>
{{ figure('survival') }}

<h2>Peak force</h2>
<p>Share of the trials whose largest 10 ms mean of the contact force is below a value, noise of the sensor included.</p>
{{ figure('forces') }}

<h2>Depth and force over time</h2>
<p>Median and the band from the 5th to the 95th percentile over the trials; one that has ended keeps its last value.</p>
{{ figure('bands') }}

{% if failures %}<h2>Failures</h2>
<p>Depth (line, left) and contact force (filled, right) of each trial that did not insert{{ failures_note }}.</p>
{{ figure('failures') }}
<div class="scroll" tabindex="0"><table>
<thead><tr><th class="n">trial</th><th class="n">place</th><th>condition</th><th>outcome</th>
<th class="n">time, s</th><th class="n">peak force, N</th><th class="n">depth, mm</th><th>interventions</th>
<th>recording</th></tr></thead>
<tbody>{% for t in failures %}<tr><td class="n">{{ t.trial }}</td><td class="n">{{ t.place }}</td>
<td>{{ t.condition }}</td><td class="outcome" style="color: {{ colour(t.outcome) }}">{{ t.outcome }}</td>
<td class="n">{{ number(t.time_s, 2) }}</td><td class="n">{{ number(t.peak_force_n, 1) }}</td>
<td class="n">{{ number(1000 * t.final_depth_m, 1) }} / {{ number(1000 * t.full_depth_m, 1) }}</td>
<td>{{ kinds(t.interventions) }}</td><td><code>{{ recording(t) }}</code></td></tr>
{% endfor %}</tbody></table></div>{% endif %}

{% if gap %}<h2>Beside the simulation</h2>
<p>The same protocol in simulation, {{ gap.other }}. Rates with Newcombe's interval of their difference and Barnard's
exact test, times and forces by Mann and Whitney's test; arm and simulation are independent groups.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>condition</th><th class="n">arm</th><th class="n">simulation</th>
<th class="n">difference</th><th class="n">95 % interval</th><th class="n">p</th><th class="n">median time, s</th>
<th class="n">p</th><th class="n">median peak force, N</th><th class="n">p</th></tr></thead><tbody>
{% for row in gap.rows %}<tr>{% for cell in row %}<td{% if not loop.first %} class="n"{% endif %}>{{ cell }}</td>
{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{{ figure('gap') }}
{% if gap.drift %}<h3>What the policy saw</h3>
<p>Each number of the newest frame, over all policy steps ({{ gap.steps[0] }} on the arm, {{ gap.steps[1] }} in
simulation): how far the two distributions are apart, and by how many of the simulation's standard deviations the mean
has moved. The farthest ten:</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>channel</th><th class="n">apart</th><th class="n">mean moved by</th>
<th class="n">spread, ratio</th><th class="n">mean, arm</th><th class="n">mean, simulation</th></tr></thead><tbody>
{% for row in gap.drift %}<tr>{% for cell in row %}<td{% if not loop.first %} class="n"{% endif %}>{{ cell }}</td>
{% endfor %}</tr>
{% endfor %}</tbody></table></div>{% endif %}{% endif %}

<h2>How it went</h2>
<p>{{ conduct }}</p>
{% if notes %}<div class="scroll" tabindex="0"><table><tbody>{% for time, text in notes %}<tr><td>{{ time }}</td>
<td>{{ text }}</td></tr>
{% endfor %}</tbody></table></div>{% endif %}

<h2>What was run</h2>
<p>Enough to run it again.</p>
{% for session in sessions %}<pre><code>{{ session.command }}</code></pre>
{% endfor %}
<dl><dt>protocol</dt><dd><code>{{ protocol_sha256[:16] }}</code>, <code>protocol.yaml</code> beside this page</dd>
<dt>places</dt><dd>{{ protocol.places }}, each with every condition, order {{ protocol.order }}{{ ', blinded' if
protocol.blinded }}</dd>
<dt>starts</dt><dd>{{ starts }}</dd>
<dt>judge</dt><dd>{{ protocol.judge }}</dd>
{% for row in conditions %}<dt>{{ row.name }}</dt><dd>skill {{ row.skill }}{% for key, value in row.policy.items() %},
{{ key }} {{ plain(value) }}{% endfor %}; <code>skill.yaml</code> <code>{{ row.manifest_sha256[:16] }}</code></dd>
{% endfor %}{% for name, value in versions.items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl>
{% endblock %}
"""
"""An experiment: conditions at the same places."""
