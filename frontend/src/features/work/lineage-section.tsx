import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { count } from "../../lib/share";
import { Loaded } from "../../ui/loaded";
import { Section } from "../../ui/section";
import { SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { LineageDrawing } from "./lineage-drawing";
import { lineageQuery, type Lineage } from "./queries";

const FEW = 10;

export function LineageSection({ id }: { id: string }) {
  const query = useQuery(lineageQuery(id));
  return (
    <Section title="Lineage" note={query.data && summary(query.data)}>
      <Loaded query={query} skeleton={<SkeletonRows rows={3} className="h-14" />}>
        {(lineage) => (
          <>
            {lineage.nodes.length > 1 ? (
              <LineageDrawing lineage={lineage} />
            ) : (
              lineage.dependencyTotal === 0 && <Empty>Made from no other work here, and no work is made from it so far.</Empty>
            )}
            {lineage.dependencyTotal > 0 && <Dependencies lineage={lineage} />}
          </>
        )}
      </Loaded>
    </Section>
  );
}

function summary({ nodes, dependencyTotal }: Lineage): string | undefined {
  if (nodes.length === 1) return dependencyTotal > 0 ? count(dependencyTotal, "package") : undefined;
  const upstream = nodes.filter((node) => node.depth < 0).length;
  const downstream = nodes.filter((node) => node.depth > 0).length;
  return `${upstream} upstream, ${downstream} downstream`;
}

/** External works: packages that the work uses, known by their URL only. */
function Dependencies({ lineage }: { lineage: Lineage }) {
  const [all, setAll] = useState(false);
  const { dependencies, dependencyTotal } = lineage;
  const shown = all ? dependencies : dependencies.slice(0, FEW);
  const more = dependencyTotal - shown.length;
  return (
    <div className="mt-6">
      <h3 className="font-medium">Packages it uses</h3>
      <p className="text-sm text-muted">What is due to them is reserved until their maintainers claim it.</p>
      <ul className="mt-3 text-sm">
        {shown.map((dependency) => (
          <li key={dependency.purl} className="flex flex-wrap items-baseline justify-between gap-x-4 border-t border-line py-1.5">
            <span title={dependency.purl}>
              {dependency.name} <span className="font-mono text-xs text-muted">{dependency.version}</span>
            </span>
            <span className="text-muted">used by {dependency.uses.toLocaleString("en")} of its packages</span>
          </li>
        ))}
      </ul>
      {more > 0 && (
        <p className="mt-2 text-sm text-muted">
          {all || dependencies.length <= FEW ? (
            `And ${more.toLocaleString("en")} more.`
          ) : (
            <button type="button" className="link min-h-6" onClick={() => setAll(true)}>
              And {more.toLocaleString("en")} more
            </button>
          )}
        </p>
      )}
    </div>
  );
}
