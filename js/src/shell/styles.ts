// Every style sheet, in one text for the shadow root: those of the rooms, then those of the views.
import burndown from "../charts/burndown.css";
import lanesStrips from "../lanes/strips.css";
import lanes from "../lanes/style.css";
import change from "../parts/change.css";
import details from "../parts/details.css";
import grid from "../parts/grid/style.css";
import markdown from "../parts/markdown.css";
import parts from "../parts/parts.css";
import sequence from "../sequence/style.css";
import { sheets } from "../views/sheets.ts";
import alerts from "./alerts.css";
import dialog from "./dialog.css";
import done from "./done.css";
import everything from "./everything.css";
import help from "./help.css";
import hosts from "./hosts.css";
import limits from "./limits.css";
import base from "./style.css";
import travel from "./travel.css";

const rooms = [
  base,
  alerts,
  dialog,
  done,
  limits,
  travel,
  change,
  help,
  hosts,
  everything,
  parts,
  details,
  grid,
  lanes,
  lanesStrips,
  sequence,
  burndown,
  markdown,
];

export const styles = [...rooms, ...sheets].join("\n");
