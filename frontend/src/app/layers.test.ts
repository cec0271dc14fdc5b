import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const SRC = resolve(import.meta.dirname, "..");
/** What each layer may import besides itself. A feature may import no other feature. */
const ALLOWED: Record<string, string[]> = {
  lib: [],
  api: ["lib"],
  ui: ["lib", "api"],
  features: ["lib", "api", "ui"],
  app: ["lib", "api", "ui", "features"],
};

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));

/** The layer, and for features the one feature, that a file belongs to. */
function home(file: string): { layer: string; unit: string } {
  const [layer = "", feature = ""] = file.split("/");
  return { layer, unit: layer === "features" ? `features/${feature}` : layer };
}

describe("imports go one way", () => {
  it.each(files)("%s", (file) => {
    const from = home(file);
    const imports = [...readFileSync(join(SRC, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)];
    for (const [, target = ""] of imports) {
      const to = home(relative(SRC, resolve(dirname(join(SRC, file)), target)));
      if (to.unit === from.unit) continue;
      expect(ALLOWED[from.layer], `${file} imports ${target}`).toContain(to.layer);
    }
  });
});
