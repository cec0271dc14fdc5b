import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useId, useState } from "react";
import { count } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Amount } from "../../ui/amount";
import { Loaded } from "../../ui/loaded";
import { SkeletonRows } from "../../ui/skeleton";
import { derivationQuery, type Derivation, type Step } from "./queries";
import { gather, parseWork, ruleWords, type Reason } from "./reasons";
import { WhyDrawing } from "./why-drawing";

/** Contributions listed by name at most. */
const MOST = 50;

/** A payout's "why": closed at first, read when opened. */
export function Why({ payoutId, account }: { payoutId: string; account: string }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <>
      <button type="button" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)} className="link min-h-6 text-sm">
        {open ? "Hide why" : "Why"}
        <span className="sr-only"> {account} was paid this</span>
      </button>
      <div id={id} className="order-last basis-full" hidden={!open}>
        {open && <Explanation payoutId={payoutId} />}
      </div>
    </>
  );
}

function Explanation({ payoutId }: { payoutId: string }) {
  const query = useQuery(derivationQuery(payoutId));
  return (
    <div className="mt-2 border-l-2 border-line pl-4 text-sm">
      <Loaded query={query} skeleton={<SkeletonRows rows={3} className="h-11" />}>
        {(derivation) => <Steps derivation={derivation} />}
      </Loaded>
    </div>
  );
}

function Steps({ derivation }: { derivation: Derivation }) {
  const { steps, brought, currency, account } = derivation;
  const titles = new Map(steps.map((step) => [step.work, step.title ?? undefined]));
  return (
    <>
      <WhyDrawing steps={steps} />
      <ol className="grid gap-3">
        {steps.map((step) => (
          <li key={step.work}>
            <Arrival step={step} titles={titles} currency={currency} />
            <Paid step={step} account={account} currency={currency} />
          </li>
        ))}
        {brought && (
          <li>
            <Amount value={brought.amount} currency={currency} className="font-medium" /> more was below the least payout before, and came along from{" "}
            <Link to="/distributions/$id" params={{ id: brought.distributionId }} className="link">
              distribution {brought.distributionId}
            </Link>
            .
          </li>
        )}
      </ol>
    </>
  );
}

/** How money came to a work. */
function Arrival({ step, titles, currency }: { step: Step; titles: Map<string, string | undefined>; currency: string }) {
  if (step.incoming.length === 0) {
    return (
      <p>
        <Work text={step.work} titles={titles} /> received <Amount value={step.income} currency={currency} className="font-medium" />.
      </p>
    );
  }
  return step.incoming.map(({ from, rule, amount, weight, ofWeight }) => (
    <p key={`${from} ${rule}`}>
      <Work text={from} titles={titles} /> passed <Amount value={amount} currency={currency} className="font-medium" /> to <Work text={step.work} titles={titles} />
      , <span className="text-muted">{ruleWords(rule, [{ weight, ofWeight }])}.</span>
    </p>
  ));
}

/** What the account was paid there. */
function Paid({ step, account, currency }: { step: Step; account: string; currency: string }) {
  if (step.paidCount === 0) return null;
  return (
    <ul className="mt-1 grid gap-1 border-l-2 border-positive pl-3">
      {gather(step.paid).map((reason) => (
        <li key={reason.rule}>
          <AddressLink address={account} /> was paid <Amount value={reason.amount} currency={currency} className="font-medium" />,{" "}
          <span className="text-muted">{ruleWords(reason.rule, reason.parts)}.</span>
          <Contributions reason={reason} currency={currency} />
        </li>
      ))}
      {step.paidCount > step.paid.length && (
        <li className="text-muted">
          And {count(step.paidCount - step.paid.length, "more part")}: <Amount value={step.own} currency={currency} /> in all.
        </li>
      )}
    </ul>
  );
}

/** What the contributions were that were paid for. */
function Contributions({ reason, currency }: { reason: Reason; currency: string }) {
  const named = reason.parts.filter((part) => part.summary);
  if (named.length === 0) return null;
  if (named.length === 1 && reason.parts.length === 1) return <q className="block text-muted">{named[0]?.summary}</q>;
  return (
    <details className="mt-1">
      <summary className="link min-h-6 w-fit">Which ones</summary>
      <ul className="mt-1 text-xs text-muted">
        {named.slice(0, MOST).map((part) => (
          <li key={part.contributionId} className="flex justify-between gap-4 border-t border-line py-1">
            <span>{part.summary}</span>
            <Amount value={part.amount} currency={currency} places={9} className="shrink-0" />
          </li>
        ))}
      </ul>
      {named.length > MOST && <p className="text-xs text-muted">And {(named.length - MOST).toLocaleString("en")} more.</p>}
    </details>
  );
}

function Work({ text, titles }: { text: string; titles: Map<string, string | undefined> }) {
  const party = parseWork(text);
  if (party.kind === "external") return <span>{party.purl}</span>;
  return (
    <Link to="/assets/$id" params={{ id: party.id }} className="link">
      {titles.get(text) ?? `Work ${party.id}`}
    </Link>
  );
}
