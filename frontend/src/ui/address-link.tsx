import { Link } from "@tanstack/react-router";
import { NATIVE_COIN } from "../lib/amount";
import { sameAddress, shortAddress } from "../lib/address";

/** An account, linked to its page. */
export function AddressLink({ address }: { address: string }) {
  if (sameAddress(address, NATIVE_COIN)) return <span>nobody</span>;
  return (
    <Link to="/accounts/$address" params={{ address }} title={address} className="link font-mono text-[0.92em] whitespace-nowrap">
      {shortAddress(address)}
    </Link>
  );
}
