// Ponder wants an API; its own endpoints (/ready, /status, /metrics) are all that is asked of it.
import { Hono } from "hono";

export default new Hono();
