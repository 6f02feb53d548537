/** The face of `trace`: typed steps, drop reasons, causes, who listens, and what a recording says. */
export * from './branches.js';
export * from './cause.js';
export * from './changed-fields.js';
export * from './connection.js';
export * from './drop-reason.js';
export * from './format-minimal.js';
export * from './format-step.js';
export * from './format-text.js';
export * from './recorder.js';
export * from './resolution.js';
export * from './step.js';
export * from './story.js';
export * from './to-json.js';
export * from './to-pcapng.js';
export * from './tracer.js';
export * from './verdict.js';
