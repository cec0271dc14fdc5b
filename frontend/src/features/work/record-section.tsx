import { Link } from "@tanstack/react-router";
import { shortHash } from "../../lib/address";
import { formatBps } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { CopyButton } from "../../ui/copy-button";
import { Fact, Facts } from "../../ui/facts";
import { FinalityMark } from "../../ui/finality-mark";
import { Section } from "../../ui/section";
import { Time } from "../../ui/time";
import type { Work } from "./queries";

/** The entry in the registry. */
export function RecordSection({ work }: { work: Work }) {
  return (
    <Section title="Record">
      <Facts>
        <Fact name="Owner">
          <AddressLink address={work.owner} />
        </Fact>
        <Fact name="Shares">
          <ul className="grid gap-1">
            {work.shares.map((share) => (
              <li key={share.account}>
                <span className="inline-block min-w-12">{formatBps(share.bps)}</span> <AddressLink address={share.account} />
              </li>
            ))}
          </ul>
        </Fact>
        <Fact name="Royalty">{formatBps(work.royaltyBps)} of each sale</Fact>
        <Fact name="Deriving">{work.open ? "Open to anyone" : "Only with the owner's consent"}</Fact>
        <Fact name="Registered">
          <Time at={work.registeredAt} />
        </Fact>
        <Fact name="Last change">
          block {work.blockNumber.toLocaleString("en")}
          <FinalityMark finality={work.finality} />
        </Fact>
        <Hash name="Its transaction" value={work.txHash} what="the transaction hash" />
        <Hash name="Content hash" value={work.contentHash} what="the content hash" />
        <Hash name="CID" value={work.cid} what="the CID" />
        <Fact name="Content">
          <a href={`/v1/content/${work.cid}`} download className="link">
            Download
          </a>
        </Fact>
        <Fact name="Ledger">
          <Link to="/ledger" search={{ stream: `asset:${work.caip19.split(/[:/]/)[1] ?? ""}:${work.id}` }} className="link">
            Events of this work
          </Link>
        </Fact>
        {work.sourceUrl && (
          <Fact name="Source">
            <Source url={work.sourceUrl} />
          </Fact>
        )}
      </Facts>
    </Section>
  );
}

function Hash({ name, value, what }: { name: string; value: string; what: string }) {
  return (
    <Fact name={name}>
      <span className="font-mono text-xs" title={value}>
        {shortHash(value)}
      </span>
      <CopyButton text={value} what={what} />
    </Fact>
  );
}

/** Where the work comes from, as its owner says: a link only where it leads to the web. */
function Source({ url }: { url: string }) {
  if (!/^https?:\/\//.test(url)) return <span>{url}</span>;
  return (
    <a href={url} rel="noreferrer nofollow" className="link">
      {url}
    </a>
  );
}
