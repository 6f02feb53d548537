/** The face of `tools`: the commands that `exec` offers. */
export { runTool, type ToolResult } from './run.js';
