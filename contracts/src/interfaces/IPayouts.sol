// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The one pot
/// @notice Income of assets comes in through `fund`, or straight to the pot's own contract, and waits there. Who is owed
/// what is computed off chain and comes back as the root of a Merkle tree of cumulative amounts. When it is activated
/// exactly the new part of its declared totals moves here, and claims are paid out of that and nothing else. For every
/// token: claimed <= declared + forwarded <= funded, always, where only a token that keeps a part of its transfers has
/// anything forwarded.
interface IPayouts {
    /// @notice The sum of all cumulative amounts of a root in one token, less what was forwarded of it.
    struct Total {
        address token;
        uint256 amount;
    }

    /// @notice One payment to ask for.
    struct Claim {
        address account;
        address token;
        uint256 cumulative;
        bytes32[] proof;
    }

    /// @notice What was promised of one token.
    /// @param declared What activated roots have moved here, the ceiling of claims.
    /// @param pending What the pending root declares; meaningless while there is none.
    struct Tally {
        uint128 declared;
        uint128 pending;
    }

    /// @notice Money came in for an asset.
    /// @param seq This contract's event number: from 1, without gaps, over all events of this interface
    /// that carry one.
    /// @param amount What arrived.
    /// @param forwarded Whether it went on at once to where claims are paid from, because the token had kept a part.
    event Funded(
        uint64 seq,
        uint256 indexed assetId,
        address indexed token,
        address indexed from,
        uint256 amount,
        bytes32 reason,
        bool forwarded
    );

    /// @notice A root waits for its time.
    event RootProposed(
        uint64 seq,
        uint64 indexed number,
        bytes32 indexed root,
        string dataCid,
        uint64 anchorSeq,
        Total[] totals,
        uint64 activatableAt
    );

    /// @notice A root became the one that claims are proven against; the one before stays good until `graceUntil`, or
    /// until the next activation when that is sooner.
    event RootActivated(uint64 seq, uint64 indexed number, bytes32 indexed root, uint64 graceUntil);

    /// @notice Of a total, `amount` is not counted: the pot did not hold it when the root with this number was proposed, it
    /// could not be moved when the root was activated, or the token failed. The rest of the root holds, and the next root
    /// that names the token tries again. What is declared once a root is active is thus the largest, over this root and
    /// those before, of a total less all that was passed over of it.
    event TotalPassedOver(uint64 seq, uint64 indexed number, address indexed token, uint256 amount);

    /// @notice A pending root was refused.
    event RootVetoed(uint64 seq, uint64 indexed number, bytes32 indexed root);

    /// @notice An account was paid. Carries no `seq`: of one account and token, `cumulative` less `amount` is the
    /// `cumulative` of the claim before, so a missing one shows.
    event Claimed(address indexed account, address indexed token, address to, uint256 amount, uint256 cumulative);

    /// @notice An account chose where its payments go; zero: to itself again.
    event PayoutAddressSet(uint64 seq, address indexed account, address indexed to);

    /// @notice The waiting time of new roots, or the grace of replaced ones, changed. In seconds.
    event DelaySet(uint64 seq, uint64 delay, uint64 grace);

    /// @notice An asset's inbox was deployed.
    event InboxDeployed(uint64 seq, uint256 indexed assetId, address indexed inbox);

    error AmountZero();
    error AmountTooLarge(uint256 amount);
    error ValueMismatch(uint256 value, uint256 expected);
    error CallerNotPot(address caller);
    error RootZero();
    error RootPending(uint64 number);
    error RootNotPending();
    error RootNotActivatable(uint64 activatableAt);
    error TotalsTooMany(uint256 count, uint256 max);
    error TotalsNotAscending(uint256 index);
    error ProofInvalid(address account, address token, uint256 cumulative);
    error NothingToClaim(address account, address token, uint256 claimed);
    error GasTooLow(uint256 least);
    error DelayOutOfBounds(uint64 delay, uint64 min, uint64 max);
    error GraceOutOfBounds(uint64 grace, uint64 min, uint64 max);

    /// @notice Pays income into the pot of an asset. Native coin: `token` zero, `amount` the value sent. ERC-20: pulled
    /// from the caller; what arrives is what counts, at most `amount`. Below 2^128, so that sums of income stay numbers.
    /// @param reason Why, such as "sale" or "royalty".
    /// @dev Warning: the pot knows numbers, not assets. Money for an id that is never registered is not paid to anyone.
    /// @return received What was credited.
    function fund(uint256 assetId, address token, uint256 amount, bytes32 reason)
        external
        payable
        returns (uint256 received);

    /// @notice Proposes the root of a new tree. Only ENGINE. Refused while another is pending.
    /// @param root The root. Leaf: `keccak256(bytes.concat(keccak256(abi.encode(block.chainid, address(this), account,
    /// token, cumulative))))`; pairs are sorted before hashing, an odd node moves up as it is.
    /// @param dataCid Where the tree's data is, so that anyone can check it.
    /// @param anchorSeq The anchor of the ledger that the tree was computed from; 0 for none.
    /// @param totals The cumulative sum of each token, at most 32, ascending by token. A token that is left out keeps
    /// its declared total, and so does one with a smaller sum; of a larger one counts what the pot holds.
    /// @dev Warning: ENGINE decides who is owed what. A wrong root is stopped by GUARDIAN within the delay, and can
    /// take no more than its totals.
    /// @return number The root's number; every proposal has its own.
    function propose(bytes32 root, string calldata dataCid, uint64 anchorSeq, Total[] calldata totals)
        external
        returns (uint64 number);

    /// @notice Makes the pending root the active one, once its time has come, and moves what it declares beyond the
    /// root before it from the pot to here.
    /// @dev A token that fails is passed over, and of one that moves less, what arrived is declared. Needs 600000 gas left
    /// for each token, of which a usual one takes a tenth.
    function activate() external;

    /// @notice Refuses the pending root. Only GUARDIAN.
    function veto() external;

    /// @notice Pays an account what it is owed beyond what it was paid: `cumulative` less all earlier claims. Anyone
    /// may ask; the money goes to the account or to the address that it chose.
    /// @return amount What was paid.
    function claim(address account, address token, uint256 cumulative, bytes32[] calldata proof)
        external
        returns (uint256 amount);

    /// @notice Many claims at once. Those already paid are passed over, so that a single claim sent first does not stop
    /// the rest.
    /// @dev Warning: a receiver that refuses its money stops the whole call: leave it out.
    function claimMany(Claim[] calldata claims) external;

    /// @notice Chooses where the caller's payments go; zero: to itself again.
    function setPayoutAddress(address to) external;

    /// @notice Sets the waiting time of later roots and the grace of roots replaced later. Only GOVERNOR. Neither below
    /// its value at construction nor above MAX_DELAY.
    function setDelay(uint64 delay, uint64 grace) external;

    /// @notice Deploys an asset's inbox, or finds it there already.
    function deployInbox(uint256 assetId) external returns (address inbox);

    /// @notice Where income waits until a root declares it.
    /// @dev Warning: what is sent there outside of `fund`, and outside of the Market, whose `Filled` says what it sent,
    /// belongs to no asset.
    function pot() external view returns (address);

    /// @notice The address of an asset's inbox, deployed or not.
    function inboxOf(uint256 assetId) external view returns (address);

    /// @notice What was promised of a token.
    function tallyOf(address token) external view returns (Tally memory);

    /// @notice All that an account was ever paid in a token.
    function claimedOf(address account, address token) external view returns (uint256);

    /// @notice Where an account's payments go.
    function payoutAddressOf(address account) external view returns (address);

    /// @notice The root that claims are proven against; zero before the first.
    function activeRoot() external view returns (bytes32);

    /// @notice The root before the active one, and until when claims may still be proven against it: at most until the
    /// next activation.
    function previousRoot() external view returns (bytes32 root, uint64 graceUntil);

    /// @notice The root that waits; all zero when none does.
    function pendingRoot() external view returns (bytes32 root, uint64 number, uint64 activatableAt);

    /// @notice Seconds that a root waits before it can be activated.
    function delay() external view returns (uint64);

    /// @notice Seconds that a replaced root stays good.
    function grace() external view returns (uint64);

    /// @notice The number of the last event.
    function eventSeq() external view returns (uint64);
}
