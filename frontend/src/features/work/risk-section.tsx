import { useQuery } from "@tanstack/react-query";
import { formatBps } from "../../lib/share";
import { Fact, Facts } from "../../ui/facts";
import { Loaded } from "../../ui/loaded";
import { Section } from "../../ui/section";
import { Skeleton } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { adviceQuery, type OrderRisk, type RiskAdvice } from "./queries";
import { levelOf, likelihood, spoken } from "./risk-words";

/** How likely the risk agent holds fraud to be, why, and what it would hold back. */
export function RiskSection({ id }: { id: string }) {
  const query = useQuery(adviceQuery(id));
  const risk = query.data?.risk;
  return (
    <Section title="Risk" note={risk && `from all final up to block ${risk.provenance.block}`}>
      <Loaded query={query} skeleton={<Skeleton className="h-28" />}>
        {({ risk }) =>
          risk ? <Risk risk={risk} /> : <Empty>The risk agent has not looked at this work yet. It does as soon as what happened to it is final.</Empty>
        }
      </Loaded>
    </Section>
  );
}

function Risk({ risk }: { risk: RiskAdvice }) {
  const level = levelOf(risk.level);
  return (
    <>
      <p className={`text-lg font-semibold ${level.tone}`}>{level.word}</p>
      <p className="text-sm">Fraud is likely in {likelihood(risk.probability)} such cases.</p>
      <Sentences of={risk.vetoes} className="text-danger" />
      <div className="mt-3">
        <Facts>
          <Fact name="Hold back">{risk.escrowBps > 0 ? `${formatBps(risk.escrowBps)} of the price, until disputes are over` : "nothing"}</Fact>
          <Fact name="Stakes count">{formatBps(10_000 - risk.haircutBps)}</Fact>
        </Facts>
      </div>
      <Why risk={risk} />
    </>
  );
}

/** Why an order is warned of or blocked; nothing for one that is allowed. */
export function OrderWarning({ risk }: { risk: OrderRisk | null | undefined }) {
  if (!risk || risk.decision === "allow") return null;
  const blocked = risk.decision === "block";
  return (
    <div className={`mb-4 rounded-md border px-4 py-3 text-sm ${blocked ? "border-danger" : "border-caution"}`}>
      <p className={`font-medium ${blocked ? "text-danger" : "text-caution"}`}>
        {blocked ? "Blocked: lists leave this order out" : "Read this before you buy"}
      </p>
      <Sentences of={risk.why} />
      <Why risk={risk} />
    </div>
  );
}

function Why({ risk }: { risk: RiskAdvice }) {
  const { reasons, provenance } = risk;
  return (
    <details className="mt-3 text-sm">
      <summary className="link min-h-6 w-fit">Why this risk</summary>
      <div className="mt-2 space-y-3">
        {reasons.length === 0 && <p>No sign of fraud was found; what is left is how often anybody is fraudulent.</p>}
        <ul className="space-y-1">
          {reasons.map((reason) => (
            <li key={reason.says} className="break-words">
              {spoken(reason.says)} <span className="text-muted">{reason.logOdds > 0 ? "Raises the risk." : "Lowers the risk."}</span>
              {reason.rule && <span className="block font-mono text-xs text-muted">{reason.rule}</span>}
            </li>
          ))}
        </ul>
        {provenance.id && (
          <p className="text-xs text-muted">
            Advice {provenance.id}. <span className="font-mono">tributary agents replay {provenance.id}</span> makes it again, to the last byte.
          </p>
        )}
      </div>
    </details>
  );
}

function Sentences({ of, className = "" }: { of: string[]; className?: string }) {
  if (of.length === 0) return null;
  return (
    <ul className={`mt-1 space-y-1 text-sm ${className}`}>
      {of.map((says) => (
        <li key={says} className="break-words">
          {spoken(says)}
        </li>
      ))}
    </ul>
  );
}
