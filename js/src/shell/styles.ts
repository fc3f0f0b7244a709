// Every style sheet, in one text for the shadow root.

import burndown from "../charts/burndown.css";
import lanesStrips from "../lanes/strips.css";
import lanes from "../lanes/style.css";
import grid from "../parts/grid/style.css";
import markdown from "../parts/markdown.css";
import parts from "../parts/parts.css";
import flow from "../sequence/style.css";
import agents from "../views/agents/style.css";
import logs from "../views/logs/style.css";
import memory from "../views/memory/style.css";
import overview from "../views/overview/style.css";
import quality from "../views/quality/style.css";
import views from "../views/style.css";
import tasks from "../views/tasks/style.css";
import tools from "../views/tools/style.css";
import transcript from "../views/transcript/style.css";
import alerts from "./alerts.css";
import help from "./help.css";
import base from "./style.css";
import travel from "./travel.css";

const shared = [base, alerts, travel, help, parts, grid, lanes, lanesStrips, flow, burndown, markdown];
const own = [views, overview, agents, tasks, quality, memory, logs, tools, transcript];

export const styles = [...shared, ...own].join("\n");
