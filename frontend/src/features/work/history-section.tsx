import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { formatBps } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Amount } from "../../ui/amount";
import { FinalityMark } from "../../ui/finality-mark";
import { Paged } from "../../ui/paged";
import { Section } from "../../ui/section";
import { SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/time";
import { parseEvent, toldBySale, type WorkEvent } from "./events";
import { historyQuery, type HistoryEntry } from "./queries";

export function HistorySection({ id }: { id: string }) {
  const query = useInfiniteQuery(historyQuery(id));
  return (
    <Section title="History" note="Newest first">
      <Paged query={query} skeleton={<SkeletonRows rows={3} className="h-17" />} empty={<Empty>Nothing has happened to this work yet.</Empty>}>
        {(entries) => (
          <ol className="ml-1.5 border-l border-line">
            {worded(entries).map(({ entry, event }) => (
              <Entry key={`${entry.blockNumber}/${entry.logIndex}`} entry={entry} event={event} />
            ))}
          </ol>
        )}
      </Paged>
    </Section>
  );
}

/** What is told: a sale's own transfer is not told again. */
function worded(entries: HistoryEntry[]) {
  const all = entries.map((entry) => ({ entry, txHash: entry.txHash, event: parseEvent(entry.event, entry.details) }));
  return all.filter((one, place) => !toldBySale(all[place - 1], one));
}

function Entry({ entry, event }: { entry: HistoryEntry; event: WorkEvent }) {
  return (
    <li className="relative pb-5 pl-5 last:pb-0">
      <span aria-hidden="true" className="absolute top-2 -left-1 size-[7px] rounded-xl border border-ink bg-canvas" />
      <Words event={event} />
      <p className="mt-0.5 flex flex-wrap items-center gap-x-3 text-xs text-muted">
        <Time at={entry.at} />
        <span title={entry.txHash}>block {entry.blockNumber.toLocaleString("en")}</span>
        <FinalityMark finality={entry.finality} />
      </p>
    </li>
  );
}

function Words({ event }: { event: WorkEvent }): ReactNode {
  switch (event.event) {
    case "registered":
      return (
        <p>
          <Name>Registered</Name> by <AddressLink address={event.registrant} />, with a royalty of {formatBps(event.royaltyBps)}
        </p>
      );
    case "sold":
      return (
        <>
          <p>
            <Name>Sold</Name> by <AddressLink address={event.seller} /> to <AddressLink address={event.buyer} /> for{" "}
            <Amount value={event.price} currency={event.currency} className="font-medium" />
          </p>
          <p className="text-sm text-muted">
            = fee <Amount value={event.fee} currency={event.currency} /> + royalty <Amount value={event.royalty} currency={event.currency} /> + net to
            the seller <Amount value={event.net} currency={event.currency} />
          </p>
        </>
      );
    case "transferred":
      return (
        <p>
          <Name>Transferred</Name> from <AddressLink address={event.from} /> to <AddressLink address={event.to} />
        </p>
      );
    case "income":
      return (
        <p>
          <Name>Income</Name> of <Amount value={event.amount} currency={event.currency} className="font-medium" />{" "}
          <span className="text-muted">
            {event.reason && `(${event.reason}) `}from <AddressLink address={event.payer} />
          </span>
        </p>
      );
    case "royalty_lowered":
      return (
        <p>
          <Name>Royalty lowered</Name> to {formatBps(event.royaltyBps)}
        </p>
      );
    case "cid_updated":
      return (
        <p>
          <Name>Content address updated</Name> to <span className="font-mono text-xs break-all">{event.cid}</span>
        </p>
      );
    case "other":
      return (
        <p>
          <Name>{event.name}</Name>
        </p>
      );
  }
}

function Name({ children }: { children: ReactNode }) {
  return <span className="font-medium">{children}</span>;
}
