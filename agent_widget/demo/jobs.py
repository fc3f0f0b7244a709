"""What the two coding agents are asked to do, and how that goes, step by step; the project is the team's, skylark.

A line that begins at the margin is a step: a verb and what it is about; what is indented below belongs to it. A job
begins with its ``prompt``, and a ``title`` for the session that it opens. ``plan`` lists what there is to do, ``next``
ticks off one of it; ``edit`` changes a file by the lines of a patch; ``fail`` is a ``bash`` that goes wrong; ``ask``
asks the person (who answers what stands behind ``>``); ``task`` is given to a subagent, with the steps that it takes;
``reply`` ends the turn, after which the person may ``answer``, as they must if it was a question.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Step(NamedTuple):
    """One thing that a coding agent does."""

    verb: str
    about: str
    below: list[str]

    @property
    def text(self) -> str:
        """What stands below."""
        return "\n".join(self.below)


def steps(lines: list[str]) -> list[Step]:
    """The steps in some lines of the form above."""
    found: list[Step] = []
    for line in lines:
        if found and (not line or line.startswith("  ")):
            found[-1].below.append(line[2:])
        else:
            verb, _, about = line.partition(" ")
            found.append(Step(verb, about, []))
    return found


def _jobs(text: str) -> tuple[list[Step], ...]:
    """Each begins with a prompt, and its title."""
    return tuple(steps(f"prompt {job}".splitlines()) for job in text.strip().removeprefix("prompt ").split("\nprompt "))


CLAUDE_JOBS: Final = _jobs("""
prompt One malformed row stops the whole import. Skip such rows, and say at the end how many there were.
title Skip malformed rows in the CSV reader
plan Find where rows are parsed|Write a failing test|Skip and count bad rows|Run all tests
think The import stops at the first ValueError. I should see where rows are parsed and who calls that.
grep ValueError
  skylark/csv_reader.py:14:        raise ValueError(f"row {number}: {len(cells)} cells")
  skylark/cli.py:31:    except ValueError as error:
read skylark/csv_reader.py
  def readings(lines, columns):
      for number, line in enumerate(lines, 1):
          cells = split(line)
          if len(cells) != len(columns):
              raise ValueError(f"row {number}: {len(cells)} cells")
          yield dict(zip(columns, cells))
next
write tests/test_bad_rows.py
  from skylark.csv_reader import Bad, readings


  def test_a_short_row_is_counted_and_skipped():
      bad = Bad()
      rows = list(readings(["1,2", "3", "4,5"], ["time", "celsius"], bad))
      assert [row["time"] for row in rows] == ["1", "4"]
      assert bad.rows == [2]
fail python -m pytest -q tests/test_bad_rows.py
  ImportError: cannot import name 'Bad' from 'skylark.csv_reader'
  1 error in 0.21s
next
ask Some bad rows have one cell too many, and the rest is fine. Keep those?
  Skip them all: simple, and the count tells
  Keep them: drop the extra cell
  > Skip them all
think All of them, then: one rule, and the count tells how much was lost.
edit skylark/csv_reader.py
  -def readings(lines, columns):
  +class Bad:
  +    def __init__(self):
  +        self.rows = []
  +
  +
  +def readings(lines, columns, bad):
       for number, line in enumerate(lines, 1):
           cells = split(line)
           if len(cells) != len(columns):
  -            raise ValueError(f"row {number}: {len(cells)} cells")
  +            bad.rows.append(number)
  +            continue
           yield dict(zip(columns, cells))
edit skylark/cli.py
  -    except ValueError as error:
  -        sys.exit(str(error))
  +    if bad.rows:
  +        print(f"{len(bad.rows)} rows skipped, the first is row {bad.rows[0]}")
next
bash python -m pytest -q
  ........................................................................ [ 84%]
  ..............                                                           [100%]
  86 passed in 3.12s
next
reply Malformed rows are skipped now, and the import ends with their number and the first of them. 86 tests pass.

prompt The daily roll-up takes minutes for ten years of data. Find out why and make it fast.
title Make the daily roll-up fast
plan Find out where the time goes|Make it fast|Measure again
say I measure before I change anything.
bash python -m cProfile -s cumtime tests/bench_rollup.py | head -6
     3652 daily in 141.8 s
     ncalls  cumtime  function
      3652  139.204  rollup.py:9(day)
   3841904  121.660  store.py:40(row)
next
task Find who calls rollup.day
  ask Find every caller of day() in skylark/rollup.py and say whether one of them needs single rows.
  grep rollup
    skylark/cli.py:12:from skylark import rollup
    skylark/web/app.py:8:from skylark.rollup import day
  read skylark/web/app.py
    @app.get("/day/{station}/{date}")
    def daily(station, date):
        return day(store, station, date)
  reply Two callers: the command line (all days) and the page (one day). Both use the means only, never single rows.
read skylark/rollup.py
  def day(store, station, date):
      rows = [row for row in store.rows(station) if row.date == date]
      return sum(row.celsius for row in rows) / len(rows)
think Every day reads all rows of the station. One grouped query does it for all days at once.
edit skylark/rollup.py
  -def day(store, station, date):
  -    rows = [row for row in store.rows(station) if row.date == date]
  -    return sum(row.celsius for row in rows) / len(rows)
  +MEANS = "select date(at), avg(celsius) from readings where station = ? and at >= ? and at < ? group by 1"
  +
  +
  +def days(store, station, first, last):
  +    return dict(store.execute(MEANS, (station, first, last)))
next
fail python -m pytest -q tests/test_rollup.py
  E       ImportError: cannot import name 'day' from 'skylark.rollup'
  1 error in 0.34s
edit skylark/web/app.py
  -        return day(store, station, date)
  +        return days(store, station, date, following(date))[date]
bash python -m pytest -q tests/test_rollup.py && python tests/bench_rollup.py
  ...........                                                              [100%]
  11 passed in 0.58s
  3652 daily in 0.9 s
next
reply Ten years take 0.9 s instead of 142 s: one grouped query instead of reading all rows for every day.

prompt Stations that were silent for a day should show as offline on the overview.
title Show silent stations as offline
plan See how the overview knows its stations|Mark the silent ones|Test it
read skylark/web/app.py
  @app.get("/overview")
  def overview():
      return [{"name": s.name, "last": s.last_reading} for s in store.stations()]
next
grep last_reading
  skylark/store.py:61:    last_reading: datetime | None
  skylark/web/app.py:19:    return [{"name": s.name, "last": s.last_reading} for s in store.stations()]
edit skylark/web/app.py
  -    return [{"name": s.name, "last": s.last_reading} for s in store.stations()]
  +    now = clock()
  +    return [{"name": s.name, "last": s.last_reading, "offline": silent(s, now)} for s in store.stations()]
  +
  +
  +def silent(station, now):
  +    return station.last_reading is None or now - station.last_reading > timedelta(days=1)
next
bash python -m pytest -q tests/test_page.py
  .......                                                                  [100%]
  7 passed in 1.90s
next
reply Done: a station that said nothing for 24 hours is marked offline. Should a new station count too?
answer No, only one that has had readings.
edit skylark/web/app.py
  -    return station.last_reading is None or now - station.last_reading > timedelta(days=1)
  +    return station.last_reading is not None and now - station.last_reading > timedelta(days=1)
reply A station without any reading is left as it is now.
""")

CODEX_JOBS: Final = _jobs("""
prompt Reconnect the live page after the network went away, without reloading it.
title Reconnect the live page
plan Read the page's connection|Reconnect with growing pauses|Run the browser tests
think The page opens one EventSource and never looks at errors.
read skylark/web/live.js
  const source = new EventSource("/live");
  source.onmessage = (event) => draw(JSON.parse(event.data));
next
edit skylark/web/live.js
  -const source = new EventSource("/live");
  -source.onmessage = (event) => draw(JSON.parse(event.data));
  +let pause = 500;
  +
  +function connect() {
  +  const source = new EventSource("/live");
  +  source.onopen = () => { pause = 500; };
  +  source.onmessage = (event) => draw(JSON.parse(event.data));
  +  source.onerror = () => {
  +    source.close();
  +    setTimeout(connect, pause);
  +    pause = Math.min(pause * 2, 30000);
  +  };
  +}
  +
  +connect();
next
fail npm test -- live
  FAIL  tests/live.test.js > draws a reading
  ReferenceError: EventSource is not defined
think The test runs without a browser, so it needs a stand-in.
write tests/event-source.js
  export class FakeSource {
    constructor(url) {
      this.url = url;
      FakeSource.last = this;
    }
    close() {
      this.closed = true;
    }
  }
bash npm test -- live
  PASS  tests/live.test.js (4 tests)
next
reply The page reconnects by itself, after half a second first and at most half a minute later. Four tests cover it.

prompt The wind rose is unreadable when there are more than twelve stations.
title Make the wind rose readable
plan Look at the drawing|Draw fewer labels|Look at the result
grep labels
  skylark/web/wind.js:22:  const labels = stations.map((station) => station.name);
  skylark/web/wind.js:31:  labels.forEach((label, i) => text(label, angle(i)));
read skylark/web/wind.js
  const labels = stations.map((station) => station.name);
  labels.forEach((label, i) => text(label, angle(i)));
next
ask Label every n-th station, or show a label under the pointer only?
  Every n-th: always something to read
  Under the pointer: the calmest picture
  > Every n-th
edit skylark/web/wind.js
   const labels = stations.map((station) => station.name);
  -labels.forEach((label, i) => text(label, angle(i)));
  +const every = Math.ceil(labels.length / 12);
  +labels.forEach((label, i) => i % every === 0 && text(label, angle(i)));
next
bash npm test -- wind
  PASS  tests/wind.test.js (9 tests)
next
reply With more than twelve stations only every n-th is labelled, so that at most twelve labels are drawn.

prompt Colours of the temperature band should work for colour-blind readers.
title Colours for colour-blind readers
plan Find the colours|Choose a scale|Check the contrast
grep #[0-9a-f]{6}
  skylark/web/chart.js:8:const BAND = ["#2ecc71", "#e74c3c"];
next
think Green and red are the worst pair. Blue to orange keeps its order in every kind of colour blindness.
edit skylark/web/chart.js
  -const BAND = ["#2ecc71", "#e74c3c"];
  +const BAND = ["#2166ac", "#f4a582"]; // blue to orange: told apart by everybody
next
bash node tools/contrast.mjs skylark/web/chart.js
  #2166ac on #ffffff  5.9 : 1
  #f4a582 on #ffffff  2.0 : 1
fail npm test -- chart
  FAIL  tests/chart.test.js > band matches its picture
  1 snapshot differs
bash npm test -- chart --update
  PASS  tests/chart.test.js (12 tests, 1 snapshot written)
next
reply The band goes from blue to orange now. The light end has little contrast on white; shall I add an outline?
answer No, leave it as it is.
reply All right, nothing else changes.
""")
