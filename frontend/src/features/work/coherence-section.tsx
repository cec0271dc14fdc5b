import { useQuery } from "@tanstack/react-query";
import { formatPart } from "../../lib/share";
import { sentence } from "../../lib/words";
import { Section } from "../../ui/section";
import { Time } from "../../ui/time";
import { coherenceQuery, type CoherenceInput } from "./queries";

/** How coherent the work's repository is, and where each part of that comes from. */
export function CoherenceSection({ id }: { id: string }) {
  const { data } = useQuery(coherenceQuery(id));
  if (!data) return null;
  return (
    <Section title="Coherence" note={`${perCent(data.total)}, of which ${perCent(data.confidence)} was measured`}>
      <ul>
        {data.inputs.map((input) => (
          <Input key={input.input} input={input} />
        ))}
      </ul>
      <p className="mt-3 text-sm text-muted">
        Measured at commit <span className="font-mono text-xs">{data.commit.slice(0, 10)}</span>, <Time at={data.measuredAt} />. What was not measured counts half.
      </p>
    </Section>
  );
}

function Input({ input: { input, weight, value, measured, how } }: { input: CoherenceInput }) {
  const shown = value ?? "0.5";
  return (
    <li className="border-t border-line py-2 first:border-t-0 first:pt-0">
      <div className="flex items-baseline justify-between gap-4 text-sm">
        <span>
          {sentence(input)} <span className="text-muted">weighs {perCent(weight)}</span>
        </span>
        <span className={measured ? "font-medium" : "text-muted"}>{measured ? perCent(shown) : "not measured"}</span>
      </div>
      <div className="mt-1 h-1 bg-line" aria-hidden="true">
        <div className={`h-full ${measured ? "bg-ink" : "bg-control"}`} style={{ width: perCent(shown) }} />
      </div>
      <p className="mt-1 text-xs text-muted">{how}</p>
    </li>
  );
}

/** A decimal between 0 and 1 as per cent. */
function perCent(decimal: string): string {
  const [whole = "0", fraction = ""] = decimal.split(".");
  return formatPart(`${whole}${fraction.padEnd(6, "0").slice(0, 6)}`, "1000000");
}
