"""The words of the story: who is in the team, what it builds, what the agents do and say.

The team builds a small weather dashboard, skylark. Everything that a reader of the dashboard reads is here.
"""

from __future__ import annotations

from typing import Final

ROLES: Final = ("orchestrator", "planner", "code-worker", "code-worker", "reviewer", "docs-writer", "test-runner")
MORE_ROLES: Final = ("code-worker", "test-runner", "code-worker", "reviewer", "code-worker", "docs-writer")
KIND_OF: Final = dict(zip(ROLES[1:3] + ROLES[4:], ("plan", "code", "review", "docs", "test"), strict=True))
"""The kind of task each role takes by itself."""

# A line is: kind | priority | numbers of the tasks in this milestone that come first | file | title.
MILESTONES: Final = {
    "Read station files": """
plan|high||docs/plan-import.md|Plan the station file importer
code|critical|0|skylark/csv_reader.py|Parse station CSV with quoted fields
code|high|0|skylark/sniff.py|Detect delimiter and encoding
code|medium|0|skylark/units.py|Convert readings to SI units
test|medium|0|tests/fixtures/broken.py|Collect twelve kinds of broken station files
code|high|1|skylark/csv_reader.py|Skip malformed rows and report them
review|high|1,2|skylark/csv_reader.py|Review the CSV reader
test|high|1,4|tests/test_csv_reader.py|Property tests for the CSV reader
docs|low|5|docs/import-format.md|Describe the import format
code|medium|5|skylark/csv_reader.py|Stream files that do not fit in memory""",
    "Store the readings": """
plan|high||docs/plan-store.md|Choose the layout of the readings store
code|critical|0|skylark/store.py|Create the readings table and its migrations
code|high|1|skylark/store.py|Insert readings in batches, without duplicates
code|medium|1|skylark/query.py|Query by station and time range
test|high|2|tests/test_store.py|Kill the importer half way and resume it
review|medium|2,3|skylark/store.py|Review transactions and indexes
code|medium|3|skylark/rollup.py|Hourly and daily roll-ups
test|low|6|tests/bench_rollup.py|Benchmark roll-ups over ten years
docs|medium|3|docs/store.md|Explain how readings are stored
code|low|2|skylark/retention.py|Drop raw readings after two years""",
    "Draw the dashboard": """
plan|high||docs/plan-charts.md|Sketch the overview page
code|high|0|skylark/web/app.py|Serve the overview page
code|high|0|skylark/web/chart.js|Temperature chart with a range band
code|medium|0|skylark/web/wind.js|Wind rose for each station
code|medium|1|skylark/web/live.py|Push new readings to open pages
test|high|1,2|tests/test_page.py|Browser test: the overview with forty stations
review|high|2,3|skylark/web/chart.js|Review the charts for colour-blind readers
docs|low|2|docs/charts.md|Write the guide to the charts
code|medium|4|skylark/web/live.py|Reconnect after the network went away
test|medium|4|tests/test_live.py|Measure the delay from reading to pixel""",
    "Warn about storms": """
plan|medium||docs/plan-alerts.md|Define the alert rules
code|high|0|skylark/alerts/rules.py|Evaluate alert rules on new readings
code|medium|0|skylark/alerts/mail.py|Send one mail per storm, not per reading
test|high|1|tests/test_rules.py|Replay the records of three past storms
code|medium|1|skylark/alerts/quiet.py|Quiet hours and acknowledgement
review|high|1,2|skylark/alerts/rules.py|Review the rules for flapping sensors
docs|medium|1|docs/alerts.md|Document every alert rule
code|low|4|skylark/web/alerts.js|Show active alerts on the overview
test|medium|2,4|tests/test_quiet.py|Test quiet hours across time zones""",
    "Release": """
plan|high||docs/plan-release.md|Write the release checklist
code|medium|0|pyproject.toml|Build wheels for three platforms
test|critical|0|tests/test_install.py|Install and run from a clean machine
review|high|1|pyproject.toml|Review dependencies and licences
docs|high|0|README.md|Rewrite the README around one example
docs|medium|0|CHANGELOG.md|Compile the changelog
code|medium|2|skylark/cli.py|Say what to do when the database is missing
test|high|1,6|tests/test_upgrade.py|Upgrade a database of the previous version""",
}

# What an agent says of itself while its task goes forward.
PROGRESS: Final = {
    "plan": "Reading what is there|Listing open questions|Splitting the work|Ordering by risk|Writing {file}",
    "code": "Reading {file}|Writing a failing test first|First version of {file} works|Handling the edge cases"
    "|Running the whole test suite|Cleaning up {file}",
    "review": "Reading the change to {file}|Following the callers of {file}|Trying odd inputs|Writing down findings",
    "docs": "Collecting examples|Drafting {file}|Running every example|Shortening {file}",
    "test": "Preparing data for {file}|Writing {file}|Running {file}|Looking at a flaky case|Running {file} again",
}
SUMMARY: Final = {
    "plan": "Plan written to {file}: {n} steps, riskiest first.",
    "code": "Done in {file}; {n} new tests, all green.",
    "review": "Reviewed {file}: {n} remarks, none of them blocking.",
    "docs": "{file} is complete; all {n} examples run.",
    "test": "{n} cases in {file} pass; the slowest takes 1.8 s.",
}
TALK: Final = (
    "Half way through '{title}'. {file} needs one more case: empty input.",
    "'{title}': the old code path in {file} had no test. I add one.",
    "Does anyone else touch {file}? I change its public function for '{title}'.",
    "'{title}' goes slower than planned; a fixture had the wrong encoding.",
    "{file} is ready for a first look, see '{title}'.",
)
FINDINGS: Final = (
    "only two callers of {file}, both covered",
    "{file} opens the file twice; once is enough",
    "the same helper already exists next to {file}",
    "no test reaches the error branch of {file}",
)
LESSONS: Final = (
    "Fixtures from real stations find more than invented ones.",
    "Small tasks with one file each are finished without questions.",
    "Write the failing test before reading the implementation.",
    "Measure before making it faster: the parser was not the slow part.",
    "State the expected encoding at the border, not in every function.",
)

# What an agent waits for (the dashboard says "… waits for you: " before it) | its question | the answer.
ASKS: Final = (
    "permission to run rm -rf build/|May I run `rm -rf build/`? Old wheels there break '{title}'.|Yes, remove it.",
    "permission to run pip install hypothesis|'{title}' wants hypothesis. Install it?|Yes, for the tests only.",
    "a decision: keep or drop bad rows|Rows without a station: keep them or drop them?|Drop them and count them.",
    "credentials for the mail relay|'{title}' needs the test mail relay. Can you set it up?|It is set up, try again.",
    "permission to change the database schema|'{title}' needs a new column. May I migrate?|Yes, with a way back.",
    "a decision: which time zone|Stations report local time without a zone. Which one?|The one in the station list.",
)
CRASHES: Final = (
    ("APIError", "Rate limit reached, retries used up"),
    ("APIError", "Overloaded"),
    ("ContextOverflowError", "prompt is too long: 204311 tokens > 200000 maximum"),
)

# tool: category, typical duration in ms, typical output in bytes, share of failures
TOOLS: Final = {
    "bash": ("shell", 2600, 2400, 0.12),
    "read": ("file_ops", 18, 6100, 0.015),
    "edit": ("file_ops", 35, 80, 0.045),
    "write": ("file_ops", 24, 60, 0.0),
    "grep": ("file_ops", 70, 1300, 0.02),
    "glob": ("file_ops", 40, 500, 0.0),
    "webfetch": ("web", 1400, 18000, 0.12),
    "git_diff": ("git", 110, 5200, 0.0),
    "git_commit": ("git", 900, 300, 0.02),
    "todowrite": ("todo", 9, 700, 0.0),
    "task": ("spawn", 1200, 900, 0.0),
    "task_create": ("task", 6, 160, 0.0),
    "task_claim": ("task", 4, 420, 0.0),
    "task_update": ("task", 5, 180, 0.0),
    "task_list": ("task", 5, 1800, 0.0),
    "agent_send": ("agent", 6, 52, 0.0),
    "quality_assess": ("quality", 12, 640, 0.0),
}
TOOLS_OF: Final = {
    "plan": "read read glob grep webfetch write todowrite",
    "code": "read read edit edit edit bash bash grep write todowrite",
    "review": "read read read git_diff grep bash",
    "docs": "read read edit write webfetch bash",
    "test": "bash bash bash bash read edit write",
    "explore": "glob grep grep read read read",
}
DIMENSIONS: Final = {"completeness": 0.3, "code_quality": 0.3, "documentation": 0.2, "efficiency": 0.2}
"""What a finished task is assessed by, and with which weight."""
