// Every style sheet, in one text for the shadow root.
import flow from "./parts/flow.css";
import grid from "./parts/grid.css";
import lanes from "./parts/lanes.css";
import markdown from "./parts/markdown.css";
import parts from "./parts/parts.css";
import base from "./style.css";
import travel from "./travel.css";
import overview from "./views/overview.css";
import transcript from "./views/transcript.css";
import views from "./views/views.css";

export const styles = [base, travel, parts, grid, lanes, flow, views, overview, markdown, transcript].join("\n");
