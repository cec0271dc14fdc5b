import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useId, useState } from "react";
import { AddressLink } from "../../ui/address-link";
import { Amount } from "../../ui/amount";
import { Loaded } from "../../ui/loaded";
import { SkeletonRows } from "../../ui/skeleton";
import { derivationQuery, type Derivation } from "./queries";
import { gather, parseParty, ruleWords, type Reason } from "./reasons";

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
  const reasons = gather(derivation.steps);
  const titles = new Map(reasons.map((reason) => [reason.source, reason.sourceTitle]));
  return (
    <ol className="grid gap-3">
      <li>
        <Party text={`asset:${derivation.assetId}`} titles={titles} /> received{" "}
        <Amount value={derivation.income} currency={derivation.currency} className="font-medium" />.
      </li>
      {reasons.map((reason) => (
        <li key={`${reason.source} ${reason.target} ${reason.rule}`}>
          <Party text={reason.source} titles={titles} /> passed{" "}
          <Amount value={reason.amount} currency={derivation.currency} className="font-medium" /> to <Party text={reason.target} titles={titles} />
          , <span className="text-muted">{ruleWords(reason)}.</span>
          <Contributions reason={reason} currency={derivation.currency} />
        </li>
      ))}
    </ol>
  );
}

/** What the contributions were that a step paid for. */
function Contributions({ reason, currency }: { reason: Reason; currency: string }) {
  const named = reason.steps.filter((step) => step.summary);
  if (named.length === 0) return null;
  if (named.length === 1 && reason.steps.length === 1) return <q className="block text-muted">{named[0]?.summary}</q>;
  return (
    <details className="mt-1">
      <summary className="link min-h-6 w-fit">Which ones</summary>
      <ul className="mt-1 text-xs text-muted">
        {named.slice(0, MOST).map((step) => (
          <li key={step.contributionId} className="flex justify-between gap-4 border-t border-line py-1">
            <span>{step.summary}</span>
            <Amount value={step.amount} currency={currency} places={9} className="shrink-0" />
          </li>
        ))}
      </ul>
      {named.length > MOST && <p className="text-xs text-muted">And {(named.length - MOST).toLocaleString("en")} more.</p>}
    </details>
  );
}

function Party({ text, titles }: { text: string; titles: Map<string, string | undefined> }) {
  const party = parseParty(text);
  switch (party.kind) {
    case "work":
      return (
        <Link to="/assets/$id" params={{ id: party.id }} className="link">
          {titles.get(text) ?? `Work ${party.id}`}
        </Link>
      );
    case "account":
      return <AddressLink address={party.address} />;
    case "reserve":
      return <span>the reserve of {party.name}</span>;
    case "external":
      return <span>{party.purl}</span>;
    case "other":
      return <span>{party.name}</span>;
  }
}
