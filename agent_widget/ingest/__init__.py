"""From files to the store, by what each module is about.

- *Which files there are*: :mod:`.roots` (from paths to roots), :mod:`.tree`, :mod:`.links`, :mod:`.homes`; that they
  changed: :mod:`.watcher`, :mod:`.notifications`, :mod:`.inotify`.
- *What is in one*: :mod:`.file`, with :mod:`.tail` for what grows and :mod:`.database` for SQLite.
- *All of them*: :mod:`.collector`; in several processes: :mod:`.crew`, :mod:`.worker`, :mod:`.joining`.
- *What follows from rows*: :mod:`.status` (working, waiting, offline, active) with :mod:`.rhythm` (of heartbeats) and
  :mod:`.processes`, :mod:`.stats`, :mod:`.usage`, :mod:`.limit_windows`, :mod:`.projects` with
  :mod:`.repositories`, :mod:`.accounts`, :mod:`.progress` (how far it is), :mod:`.unmasked`, :mod:`.precedence` (of
  files before telemetry).
- *What outlives the process*: :mod:`.archive` in :mod:`.archive_file`, with :mod:`.keeping` and :mod:`.saving` (what
  and when), :mod:`.checkpoint` and :mod:`.facts` (what readers remember), :mod:`.signing`, :mod:`.bloom`,
  :mod:`.conversation_rows` (which rows a conversation's file has too); :mod:`.retention` (what goes again).
"""
