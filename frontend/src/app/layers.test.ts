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

/** What a file imports of ours, as it is written there. */
function imports(file: string): string[] {
  const found = readFileSync(join(SRC, file), "utf8").matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...found].map(([, target = ""]) => target);
}

/** Of the imports of a file, those that its layer may not have. */
function forbidden(file: string, targets: string[]): string[] {
  const from = home(file);
  return targets.filter((target) => {
    const to = home(relative(SRC, resolve(dirname(join(SRC, file)), target)));
    return to.unit !== from.unit && !ALLOWED[from.layer]?.includes(to.layer);
  });
}

describe("imports go one way", () => {
  it.each(files)("%s", (file) => {
    expect(Object.keys(ALLOWED), "it lies in no layer").toContain(home(file).layer);
    expect(forbidden(file, imports(file))).toEqual([]);
  });

  it("files of every layer are read, with their imports", () => {
    expect(new Set(files.map((file) => home(file).layer))).toEqual(new Set(Object.keys(ALLOWED)));
    expect(files.flatMap(imports).length).toBeGreaterThan(files.length);
  });

  it("what goes another way is found", () => {
    const targets = ["./amount", "../ui/page", "../../openapi.json"];
    expect(forbidden("lib/share.ts", targets)).toEqual(["../ui/page", "../../openapi.json"]);
    expect(forbidden("features/work/queries.ts", ["../../lib/share", "../market/queries"])).toEqual(["../market/queries"]);
  });
});
