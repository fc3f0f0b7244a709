"""Searching everything that agents left: their files newest first without an index, and the rows of the tables.

A search is asked for portion by portion. The files of conversations are searched (:mod:`.transcripts`), and the rows of
the tables with the memory files that they come from (:mod:`.rows`). Hits come in the order of time as far as that is
known beforehand: a file has the time at which it was last written. Secrets are masked, so a masked secret is no hit.
Where there is much to look through, processes look ahead (:mod:`.ahead`).
"""

from .engine import Portion as Portion
from .engine import Search as Search
from .engine import Searches as Searches
from .engine import SearchOver as SearchOver
from .hits import Hit as Hit
from .hits import Wanted as Wanted
from .needle import Needle as Needle
