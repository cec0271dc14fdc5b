import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { NATIVE_COIN } from "../../lib/amount";
import { count } from "../../lib/share";
import { Amount } from "../../ui/amount";
import { Fact, Facts } from "../../ui/facts";
import { Loaded } from "../../ui/loaded";
import { PageTitle } from "../../ui/page";
import { Section } from "../../ui/section";
import { Skeleton } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { DaysChart } from "./days-chart";
import { marketDaysQuery, marketStateQuery, type MarketDay, type MarketState } from "./queries";

/** How the market stands, what its week may bring, and what happened day by day. */
export function MarketPage() {
  const query = useQuery(marketStateQuery());
  return (
    <div className="max-w-4xl py-8">
      <PageTitle>The market</PageTitle>
      <h1 className="text-2xl font-semibold sm:text-3xl">The market</h1>
      <Loaded query={query} skeleton={<Skeleton className="mt-6 h-80" />}>
        {({ says, state }) =>
          state ? (
            <>
              <p className="mt-2 mb-6 text-muted">
                Before {state.day}: {says}
              </p>
              <State state={state} />
              <Forecast forecast={state.forecast} />
              <Anomalies state={state} />
            </>
          ) : (
            <div className="my-6">
              <Empty
                action={
                  <Link to="/" className="link">
                    Look at the catalogue
                  </Link>
                }
              >
                {says} The market is described on the day after its first sale.
              </Empty>
            </div>
          )
        }
      </Loaded>
      <Days />
    </div>
  );
}

function State({ state }: { state: MarketState }) {
  const { mood, direction, turnover, hoursBetweenSales, spread } = state;
  return (
    <Section title="How it stands" note="sales in ether">
      <Facts>
        <Fact name="Sales">
          {count(state.sales7Days, "sale")} in 7 days, {state.sales30Days.toLocaleString("en")} in 30
        </Fact>
        <Fact name="Volume of 7 days">
          <Coins value={state.volume7Days} />
        </Fact>
        {state.median != null && (
          <Fact name="Median of 30 days">
            <Coins value={state.median} />
            {state.range80 && (
              <span className="text-muted">
                80 in 100 between <Coins value={state.range80.low} /> and <Coins value={state.range80.high} />
              </span>
            )}
          </Fact>
        )}
        {state.floor != null && (
          <Fact name="Floor of 7 days">
            <Coins value={state.floor} />
          </Fact>
        )}
        <Fact name="For sale">{count(state.listed, "work")}</Fact>
        {turnover != null && <Fact name="Sales a month per work">{turnover.toFixed(2)}</Fact>}
        {hoursBetweenSales != null && <Fact name="Between two sales">{hoursBetweenSales.toFixed(1)} hours</Fact>}
        {spread != null && <Fact name="Upper over lower quartile">{spread.toFixed(2)}</Fact>}
        <Fact name="Direction">
          {direction.says}
          {direction.dailyChange != null && <span className="text-muted">{perCent(direction.dailyChange)} a day, as far as it can be told</span>}
        </Fact>
        <Fact name="Mood">
          {mood.sentiment}; volume {mood.volume}; demand {mood.demand}
        </Fact>
      </Facts>
      <details className="mt-3 text-sm">
        <summary className="link min-h-6 w-fit">Why</summary>
        <ul className="mt-2 space-y-1">
          {state.rules.map((rule) => (
            <li key={`${rule.place} ${rule.call}`} className="font-mono text-xs break-words">
              {rule.call} = {rule.result} <span className="text-muted">{rule.place}</span>
            </li>
          ))}
        </ul>
        <p className="mt-2 text-xs text-muted">
          Advice {state.provenance.id}. <span className="font-mono">tributary agents replay {state.provenance.id}</span> makes it again, to the last byte.
        </p>
      </details>
    </Section>
  );
}

function Forecast({ forecast }: { forecast: MarketState["forecast"] }) {
  return (
    <Section title="This week" note={forecast && `from Monday, ${forecast.monday}`}>
      {forecast ? (
        <>
          <p className="text-xl font-semibold">
            <Coins value={forecast.price} />
          </p>
          <p className="mt-1 text-sm text-muted">is the median price that is expected of the week, from all before it.</p>
          <div className="mt-3">
            <Facts>
              <Fact name="In 80 of 100 weeks">
                <span>
                  between <Coins value={forecast.range80.low} /> and <Coins value={forecast.range80.high} />
                </span>
              </Fact>
              <Fact name="Sales">about {Math.round(forecast.sales).toLocaleString("en")}</Fact>
            </Facts>
          </div>
        </>
      ) : (
        <Empty>There is a forecast when a week with a sale is over.</Empty>
      )}
    </Section>
  );
}

function Anomalies({ state }: { state: MarketState }) {
  return (
    <Section title="Out of the ordinary" note="in 7 days">
      {state.anomalies.length === 0 ? (
        <Empty>Nothing was.</Empty>
      ) : (
        <ul className="space-y-1 text-sm">
          {state.anomalies.map((anomaly) => (
            <li key={`${anomaly.day} ${anomaly.of}`}>
              {anomaly.says} <span className="text-muted">{Math.abs(anomaly.z).toFixed(1)} robust standard deviations</span>
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

function Days() {
  const query = useQuery(marketDaysQuery());
  return (
    <Section title="Day by day" note={query.data && query.data.items.length > 0 ? count(query.data.items.length, "day") : undefined}>
      <Loaded query={query} skeleton={<Skeleton className="h-64" />}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>No day is settled yet: a day is told when no block of it can change any more.</Empty>
          ) : (
            <>
              <DaysChart days={items} />
              <details className="mt-3 text-sm">
                <summary className="link min-h-6 w-fit">As a table</summary>
                <Table days={items} />
              </details>
            </>
          )
        }
      </Loaded>
    </Section>
  );
}

function Table({ days }: { days: MarketDay[] }) {
  return (
    <div className="mt-2 overflow-x-auto" role="region" aria-label="The market day by day" tabIndex={0}>
      <table className="w-full text-left whitespace-nowrap">
        <thead className="text-muted">
          <tr>
            {["Day", "Sales", "Volume", "Median", "80 in 100 between", "Buyers", "For sale", "Registered", "Out of the ordinary"].map((name) => (
              <th key={name} scope="col" className="py-1 pr-4 font-normal">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {[...days].reverse().map((day) => (
            <tr key={day.day} className="border-t border-line">
              <th scope="row" className="py-1 pr-4 font-normal">
                {day.day}
              </th>
              <Cell>{day.sales}</Cell>
              <Cell>
                <Coins value={day.volume} />
              </Cell>
              <Cell>{day.median != null && <Coins value={day.median} />}</Cell>
              <Cell>
                {day.low != null && day.high != null && (
                  <>
                    <Coins value={day.low} /> and <Coins value={day.high} />
                  </>
                )}
              </Cell>
              <Cell>{day.buyers}</Cell>
              <Cell>{day.listed}</Cell>
              <Cell>{day.registrations}</Cell>
              <Cell>{day.anomalies.map((anomaly) => anomaly.of).join(", ")}</Cell>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ children }: { children: ReactNode }) {
  return <td className="py-1 pr-4">{children}</td>;
}

function Coins({ value }: { value: string }) {
  return <Amount value={value} currency={NATIVE_COIN} places={6} />;
}

/** A ratio as per cent with a sign: 0.0123 is `+1.2%`. */
function perCent(ratio: number): string {
  return `${ratio < 0 ? "−" : "+"}${(Math.abs(ratio) * 100).toFixed(1)}%`;
}
