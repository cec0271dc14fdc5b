import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { shortHash } from "../../lib/address";
import { count } from "../../lib/share";
import { CopyButton } from "../../ui/copy-button";
import { Fact, Facts } from "../../ui/facts";
import { Loaded } from "../../ui/loaded";
import { PageTitle } from "../../ui/page";
import { Paged } from "../../ui/paged";
import { Section } from "../../ui/section";
import { Skeleton, SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/time";
import { eventsQuery, ledgerQuery, type LedgerEntry, type LedgerHead } from "./queries";
import { kindWords } from "./words";

/** Everything that happened, hash-chained and anchored, with a receipt for every event. `stream`: of one subject alone. */
export function LedgerPage({ stream }: { stream: string | undefined }) {
  const head = useQuery(ledgerQuery());
  return (
    <div className="max-w-4xl py-8">
      <PageTitle>The ledger</PageTitle>
      <h1 className="text-2xl font-semibold sm:text-3xl">The ledger</h1>
      <p className="mt-2 mb-6 text-muted">
        Every change is an event, and every event holds the hash of the one before. The root over all of them goes on chain, so that none can be changed,
        left out or added later without being found out.
      </p>
      <Section title="Where it stands">
        <Loaded query={head} skeleton={<Skeleton className="h-36" />}>
          {(ledger) => <Standing ledger={ledger} />}
        </Loaded>
      </Section>
      <Events stream={stream} />
    </div>
  );
}

function Standing({ ledger: { size, hash, root, anchor, unanchored } }: { ledger: LedgerHead }) {
  return (
    <Facts>
      <Fact name="Events">{size.toLocaleString("en")}</Fact>
      <Fact name="Last hash">
        <Hash value={hash} what="the last hash" />
      </Fact>
      {root && (
        <Fact name="Root">
          <Hash value={root} what="the root" />
        </Fact>
      )}
      <Fact name="On chain">
        {anchor ? (
          <>
            {count(anchor.size, "event")} by anchor {anchor.seq}, block {anchor.blockNumber.toLocaleString("en")}
            <span className="text-muted">{unanchored === 0 ? "all of them" : `${count(unanchored, "newer one")} wait for the next`}</span>
          </>
        ) : (
          <span className="text-muted">No anchor yet: the first comes within minutes.</span>
        )}
      </Fact>
    </Facts>
  );
}

function Hash({ value, what }: { value: string; what: string }) {
  return (
    <>
      <span className="font-mono text-xs" title={value}>
        {shortHash(value)}
      </span>
      <CopyButton text={value} what={what} />
    </>
  );
}

function Events({ stream }: { stream: string | undefined }) {
  const query = useInfiniteQuery(eventsQuery(stream));
  return (
    <Section
      title="Events"
      note={
        stream && (
          <>
            of <span className="font-mono text-xs">{stream}</span>,{" "}
            <Link to="/ledger" search={{}} className="link">
              show all
            </Link>
          </>
        )
      }
    >
      <Paged
        query={query}
        skeleton={<SkeletonRows rows={6} className="h-16" />}
        empty={<Empty>{stream ? "Nothing is recorded of it." : "Nothing has happened yet."}</Empty>}
      >
        {(entries) => (
          <ol>
            {entries.map((entry) => (
              <Event key={entry.event.seq} entry={entry} />
            ))}
          </ol>
        )}
      </Paged>
    </Section>
  );
}

function Event({ entry: { event, hash, time } }: { entry: LedgerEntry }) {
  const { seq, kind, subject, streams, body } = event;
  return (
    <li className="border-t border-line py-3 first:border-t-0 first:pt-0">
      <div className="flex flex-wrap items-baseline justify-between gap-x-4">
        <p>
          <span className="mr-2 font-mono text-xs text-muted">{seq}</span>
          <span className="font-medium">{kindWords(kind)}</span>
        </p>
        <p className="text-sm text-muted">
          <Time at={time} />
        </p>
      </div>
      <div className="mt-1 flex flex-wrap items-start gap-x-4 text-sm text-muted">
        <span className="font-mono text-xs break-all">{subject}</span>
        <details className="order-last basis-full">
          <summary className="link min-h-6 w-fit">
            Details<span className="sr-only"> of event {seq}</span>
          </summary>
          <pre tabIndex={0} className="mt-1 overflow-x-auto rounded-sm bg-sunken p-3 text-xs">
            {JSON.stringify(body, null, 2)}
          </pre>
          <p className="mt-1 text-xs break-all">
            Hash <span className="font-mono">{hash}</span>
          </p>
          <ul className="mt-1 flex flex-wrap gap-x-4">
            {streams.map((stream) => (
              <li key={stream}>
                <Link to="/ledger" search={{ stream }} className="link text-xs">
                  all of {stream}
                </Link>
              </li>
            ))}
          </ul>
        </details>
        <a href={`/v1/ledger/events/${seq}/receipt`} download={`receipt-${seq}.json`} className="link">
          Receipt<span className="sr-only"> of event {seq}</span>
        </a>
      </div>
    </li>
  );
}
