import "./design/tokens.css";
import "./design/base.css";
import "./design/parts.css";
import "./design/frame.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { preferences } from "./live/preferences.svelte";

preferences.applyTheme();
const target = document.getElementById("console");
if (target) mount(App, { target });
