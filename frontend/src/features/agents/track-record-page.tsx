import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { count } from "../../lib/share";
import { Loaded } from "../../ui/loaded";
import { PageTitle } from "../../ui/page";
import { Section } from "../../ui/section";
import { SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { SPANS, trackRecordQuery, type Sales, type Span, type TrackRecord } from "./queries";
import { percent, verdict } from "./words";

/** Every sale beside what was advised before it: how far off, and how often within the ranges. */
export function TrackRecordPage() {
  const [span, setSpan] = useState<Span>(90);
  const query = useQuery({ ...trackRecordQuery(span), placeholderData: keepPreviousData });
  return (
    <div className="max-w-4xl py-8">
      <PageTitle>How good the advice was</PageTitle>
      <h1 className="text-2xl font-semibold sm:text-3xl">How good the advice was</h1>
      <p className="mt-2 mb-4 text-muted">
        Every sale in ether, beside the price that was advised last before it, the work&rsquo;s own last sale, and the floor of the week before.
      </p>
      <Spans span={span} choose={setSpan} />
      <Loaded query={query} skeleton={<SkeletonRows rows={4} className="h-16" />}>
        {(record) => <Found record={record} />}
      </Loaded>
    </div>
  );
}

function Spans({ span, choose }: { span: Span; choose: (span: Span) => void }) {
  return (
    <fieldset className="mb-6 flex flex-wrap gap-2 text-sm">
      <legend className="sr-only">Sales of the last</legend>
      {SPANS.map((days) => (
        <label key={days} className="control flex cursor-pointer items-center px-3 has-checked:border-accent has-checked:text-accent has-focus-visible:outline-2">
          <input type="radio" name="span" className="sr-only" checked={span === days} onChange={() => choose(days)} />
          {days} days
        </label>
      ))}
    </fieldset>
  );
}

function Found({ record }: { record: TrackRecord }) {
  const { overall, weeks } = record;
  if (overall.sales === 0) return <Empty>Nothing was sold in this time.</Empty>;
  const judged = overall.advised - overall.abstained;
  return (
    <>
      <p className="mb-6">
        {count(overall.sales, "sale")}; {overall.advised.toLocaleString("en")} had advice before
        {overall.abstained > 0 && <>, of which {overall.abstained.toLocaleString("en")} said not to rely on it</>}.
      </p>
      {judged === 0 ? (
        <Empty>No advice can be judged yet: one is given within seconds of a registration, and judged by the next sale.</Empty>
      ) : (
        <>
          <Errors overall={overall} />
          <Ranges overall={overall} />
          <Weeks weeks={weeks} />
        </>
      )}
    </>
  );
}

function Errors({ overall }: { overall: Sales }) {
  const { compared } = overall;
  const ways = [
    { name: "The advice", error: compared.adviceError },
    { name: "The work’s last sale", error: compared.lastSaleError },
    { name: "The floor", error: compared.floorError },
  ];
  const worst = Math.max(...ways.map(({ error }) => error ?? 0));
  return (
    <Section title="How far off" note={compared.sales > 0 ? `${count(compared.sales, "sale")} that all three say something of` : undefined}>
      {compared.sales === 0 ? (
        <Empty>
          Half of all advice was off by less than {percent(overall.error)}. No work was sold twice yet, so there is nothing to compare it with.
        </Empty>
      ) : (
        <>
          <dl className="grid gap-3">
            {ways.map(({ name, error }) => (
              <div key={name} className="grid grid-cols-[minmax(7rem,12rem)_minmax(0,1fr)_4rem] items-center gap-x-4 text-sm">
                <dt className="text-muted">{name}</dt>
                <dd className="order-last text-right font-medium tabular-nums">{percent(error)}</dd>
                <div aria-hidden="true" className="h-2 rounded-sm bg-line">
                  <div className="h-2 rounded-sm bg-accent" style={{ width: `${worst > 0 ? ((error ?? 0) / worst) * 100 : 0}%` }} />
                </div>
              </div>
            ))}
          </dl>
          <p className="mt-3 text-sm text-muted">Half of the forecasts were off by less than this, half by more.</p>
        </>
      )}
    </Section>
  );
}

function Ranges({ overall }: { overall: Sales }) {
  const ranges = [
    { promised: 0.8, share: overall.covered80 },
    { promised: 0.9, share: overall.covered90 },
  ];
  const judged = overall.advised - overall.abstained;
  return (
    <Section title="How often within the range">
      <ul className="grid gap-2 text-sm">
        {ranges.map(({ promised, share }) => (
          <li key={promised}>
            The range for {promised * 100} in 100 held <strong className="font-medium">{percent(share)}</strong> of the prices
            {share != null && <span className="text-muted">: {verdict(promised, share, judged)}</span>}
          </li>
        ))}
        {overall.width90 != null && (
          <li className="text-muted">The upper end of the range for 90 was {overall.width90.toFixed(2)} times the lower, half the time more.</li>
        )}
      </ul>
    </Section>
  );
}

function Weeks({ weeks }: { weeks: TrackRecord["weeks"] }) {
  return (
    <Section title="Week by week">
      <div className="overflow-x-auto" tabIndex={0} role="region" aria-label="Week by week">
        <table className="w-full min-w-md text-right text-sm tabular-nums">
          <thead className="text-muted">
            <tr className="border-b border-line">
              <th scope="col" className="py-2 text-left font-normal">
                From Monday
              </th>
              {["Sales", "Judged", "Off by", "In 80", "In 90"].map((name) => (
                <th key={name} scope="col" className="py-2 pl-4 font-normal">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {weeks.map((week) => (
              <tr key={week.week} className="border-b border-line">
                <th scope="row" className="py-2 text-left font-normal whitespace-nowrap">
                  {week.week}
                </th>
                <td className="pl-4">{week.sales}</td>
                <td className="pl-4">{week.advised - week.abstained}</td>
                <td className="pl-4">{percent(week.error)}</td>
                <td className="pl-4">{percent(week.covered80)}</td>
                <td className="pl-4">{percent(week.covered90)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  );
}
