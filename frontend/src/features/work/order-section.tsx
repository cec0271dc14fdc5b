import { useQuery } from "@tanstack/react-query";
import { NATIVE_COIN } from "../../lib/amount";
import { sameAddress, shortHash } from "../../lib/address";
import { formatBps } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Amount } from "../../ui/amount";
import { CopyButton } from "../../ui/copy-button";
import { Fact, Facts } from "../../ui/facts";
import { Loaded } from "../../ui/loaded";
import { Section } from "../../ui/section";
import { Skeleton } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/time";
import { BesideAdvice } from "./beside-advice";
import { sellOrdersQuery, type Order } from "./queries";
import { OrderWarning } from "./risk-section";
import { spoken } from "./risk-words";

const STATES: Record<string, { word: string; tone: string }> = {
  open: { word: "For sale", tone: "text-positive" },
  scheduled: { word: "Not yet for sale", tone: "text-caution" },
  filled: { word: "Sold", tone: "text-muted" },
  cancelled: { word: "Withdrawn", tone: "text-muted" },
  stale: { word: "Void: the work has changed hands", tone: "text-muted" },
  expired: { word: "Expired", tone: "text-muted" },
};

export function OrderSection({ id }: { id: string }) {
  const query = useQuery(sellOrdersQuery(id));
  return (
    <Section title="Order">
      <Loaded query={query} skeleton={<Skeleton className="h-52" />}>
        {({ items }) => {
          const isShown = (order: Order) => order.state === "open" && order.risk?.decision !== "block";
          const current = items.find(isShown) ?? items.find((order) => order.state === "open") ?? items.find((order) => order.state === "scheduled") ?? items[0];
          if (!current) return <Empty>Its owner has not offered it for sale.</Empty>;
          const others = items.filter((order) => order !== current);
          return (
            <>
              <Current view={current} />
              {others.length > 0 && <Others orders={others} />}
            </>
          );
        }}
      </Loaded>
    </Section>
  );
}

function Current({ view }: { view: Order }) {
  const { order } = view;
  const state = stateOf(view);
  const moving = order.startPrice !== order.endPrice;
  const live = view.state === "open" || view.state === "scheduled";
  return (
    <>
      <p className={`text-sm font-medium ${state.tone}`}>{state.word}</p>
      <p className="mb-4 text-2xl font-semibold">
        <span className="sr-only">{live ? "Price " : "Price asked "}</span>
        <Amount value={live ? view.price : order.startPrice} currency={order.currency} places={6} />
      </p>
      {live && order.currency === NATIVE_COIN && <BesideAdvice id={order.assetId} price={view.price} />}
      {live && <OrderWarning risk={view.risk} />}
      <Facts>
        {moving && (
          <Fact name="Price moves">
            <span>
              from <Amount value={order.startPrice} currency={order.currency} places={6} /> to{" "}
              <Amount value={order.endPrice} currency={order.currency} places={6} />
            </span>
          </Fact>
        )}
        <Fact name="Seller">
          <AddressLink address={order.maker} />
        </Fact>
        {!sameAddress(order.taker, NATIVE_COIN) && (
          <Fact name="Only for">
            <AddressLink address={order.taker} />
          </Fact>
        )}
        {view.state === "scheduled" && (
          <Fact name="Starts">
            <Time at={new Date(order.startTime * 1000)} distance />
          </Fact>
        )}
        {(live || view.state === "expired") && (
          <Fact name={live ? "Ends" : "Ended"}>
            <Time at={new Date(order.endTime * 1000)} distance />
          </Fact>
        )}
        <Fact name="Market fee">at most {formatBps(order.maxFeeBps)}</Fact>
        <Fact name="Order hash">
          <span className="font-mono text-xs" title={view.hash}>
            {shortHash(view.hash)}
          </span>
          <CopyButton text={view.hash} what="the order hash" />
        </Fact>
      </Facts>
    </>
  );
}

function Others({ orders }: { orders: Order[] }) {
  return (
    <details className="mt-4 text-sm">
      <summary className="link min-h-6">Other orders ({orders.length})</summary>
      <ul className="mt-2">
        {orders.map((view) => (
          <li key={view.hash} className="flex flex-wrap justify-between gap-x-4 border-t border-line py-1.5">
            <Amount value={view.order.startPrice} currency={view.order.currency} places={6} />
            <span className="text-muted">{stateOf(view).word}</span>
            {view.state === "open" && view.risk && view.risk.decision !== "allow" && (
              <span className={`basis-full ${view.risk.decision === "block" ? "text-danger" : "text-caution"}`}>
                {view.risk.decision === "block" ? "Blocked" : "Warning"}: {view.risk.why.map(spoken).join(" ")}
              </span>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}

function stateOf(view: Order) {
  return STATES[view.state] ?? { word: view.state, tone: "text-muted" };
}
