// Every style sheet, in one text for the shadow root.
import alerts from "./alerts.css";
import help from "./help.css";
import burndown from "./parts/burndown.css";
import flow from "./parts/flow.css";
import grid from "./parts/grid.css";
import lanesStrips from "./parts/lanes-strips.css";
import lanes from "./parts/lanes.css";
import markdown from "./parts/markdown.css";
import parts from "./parts/parts.css";
import base from "./style.css";
import travel from "./travel.css";
import agents from "./views/agents.css";
import logs from "./views/logs.css";
import memory from "./views/memory.css";
import overview from "./views/overview.css";
import quality from "./views/quality.css";
import tasks from "./views/tasks.css";
import tools from "./views/tools.css";
import transcript from "./views/transcript.css";
import views from "./views/views.css";

const shared = [base, alerts, travel, help, parts, grid, lanes, lanesStrips, flow, burndown, markdown];
const own = [views, overview, agents, tasks, quality, memory, logs, tools, transcript];

export const styles = [...shared, ...own].join("\n");
