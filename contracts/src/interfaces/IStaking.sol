// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Backing works
/// @notice Whoever believes in a work stakes on it and earns part of the income that others fund for its backers. Yield
/// is only what was funded; it drips evenly, and its clock stops while nobody takes part.
/// @dev A backer takes part in a reward token by joining it: of each asset, in at most eight. So whoever funds junk
/// tokens puts no load on anyone: nobody's stake knows of a token that they did not choose, and the number of tokens
/// funded for an asset is without limit and without cost. To join costs what a settlement costs; who has not joined a
/// token earns nothing of it.
///
/// Fundings of one token run side by side, each at its own rate to its own end. Nobody can stretch, hasten or refuse
/// another's.
interface IStaking {
    /// @notice A reward token of an asset, as of now. Parts: 2^80 to the token's base unit.
    /// @param funded Units that ever came in. Always, in parts: funded == what all accounts took and can take, with their
    /// fractions + undripped + carried.
    /// @param stake The stake that takes part.
    /// @param undripped Parts that have not dripped yet.
    /// @param carried Parts that could not be divided yet: less than one for each unit of stake at the last division,
    /// and less than one for each second of the fundings since. They go out with what drips next, if need be of a later
    /// funding.
    /// @param rate Parts that drip a second, while somebody takes part.
    /// @param index Parts that one unit of stake accrued from the beginning on.
    /// @param clock Seconds that it has dripped.
    struct StreamState {
        uint256 funded;
        uint256 stake;
        uint256 undripped;
        uint256 carried;
        uint256 rate;
        uint256 index;
        uint256 clock;
    }

    /// @notice The contract was made.
    /// @param seq This contract's event number: from 1, without gaps, over all events of this interface.
    event Opened(uint64 seq, address indexed stakeToken, uint8 decimals, address indexed registry);

    /// @notice An account staked on an asset. Every stream that it takes part in was settled.
    /// @param amount What arrived.
    event Staked(uint64 seq, uint256 indexed assetId, address indexed account, uint256 amount);

    /// @notice An account began to take part in a reward token of an asset. The stream was settled.
    event Joined(uint64 seq, uint256 indexed assetId, address indexed account, address indexed token);

    /// @notice An account takes part in a reward token no more. The stream was settled.
    event Left(uint64 seq, uint256 indexed assetId, address indexed account, address indexed token);

    /// @notice Stake was taken out and cools down. Every stream that the account takes part in was settled. The event's
    /// number is the number to withdraw by.
    event Unstaked(uint64 seq, uint256 indexed assetId, address indexed account, uint256 amount, uint64 readyAt);

    /// @notice Cooled stake was paid out.
    /// @param exit The number of the event that took it out.
    event Withdrawn(uint64 seq, address indexed account, uint64 indexed exit, address to, uint256 amount);

    /// @notice Yield came in. The stream was settled.
    /// @param amount What arrived.
    /// @param length Seconds that it drips, rounded up to the end of a week of the stream's clock.
    event YieldFunded(
        uint64 seq, uint256 indexed assetId, address indexed token, address indexed from, uint256 amount, uint256 length
    );

    /// @notice Yield was paid. The stream was settled if the account takes part in it.
    event YieldClaimed(
        uint64 seq, uint256 indexed assetId, address indexed token, address indexed account, address to, uint256 amount
    );

    error DecimalsTooMany(uint8 decimals, uint8 max);
    error AmountZero();
    error ValueMismatch(uint256 value, uint256 expected);
    error DurationOutOfBounds(uint256 duration, uint256 min, uint256 max);
    error StakeTooSmall(address account, uint256 assetId, uint256 stake, uint256 amount);
    error TokensTooMany(uint256 count, uint256 max);
    error NotJoined(address account, uint256 assetId, address token);
    error ExitUnknown(address account, uint64 exit);
    error ExitNotReady(uint64 exit, uint64 readyAt);
    error NothingToClaim(address account, uint256 assetId, address token);
    error ReceiverInvalid(address to);

    /// @notice Stakes on an asset; adds to what is staked already.
    /// @param amount Pulled from the caller; what arrives is what counts.
    /// @param tokens Reward tokens to join as well; zero is the native coin. May be empty, or name joined ones.
    /// @return received What was staked.
    function stake(uint256 assetId, uint256 amount, address[] calldata tokens) external returns (uint256 received);

    /// @notice Takes stake out. It waits by the size of all that the caller took out within the last 72 hours and this:
    /// below 100 whole tokens not at all, up to 1000 for 24 hours, above for 72 hours. Never paused: this makes no call
    /// to anyone.
    /// @dev Counted are this span of 72 hours, from a fixed beginning, and the one before, so up to 144 hours count. A
    /// part that left earlier keeps its shorter wait. All assets count together.
    /// @return exit The number to withdraw by.
    /// @return readyAt From when.
    function unstake(uint256 assetId, uint256 amount) external returns (uint64 exit, uint64 readyAt);

    /// @notice Pays out what has cooled down.
    /// @param exit The number that `unstake` returned.
    /// @param to Who receives it.
    function withdraw(uint64 exit, address to) external returns (uint256 amount);

    /// @notice Takes part in reward tokens of an asset from now on; zero is the native coin. Joined ones are passed over.
    function join(uint256 assetId, address[] calldata tokens) external;

    /// @notice Takes part in reward tokens of an asset no more. What was earned stays and can be claimed.
    function leave(uint256 assetId, address[] calldata tokens) external;

    /// @notice Funds yield for an asset's backers that take part in `token`. Native coin: `token` zero, `amount` the
    /// value sent. ERC-20: pulled from the caller; what arrives is what counts. It cannot be taken back.
    /// @param duration Seconds over which it drips, from a day to 365 days; rounded up to the end of a week of the
    /// stream's clock, which stops while nobody takes part.
    /// @return received What was funded.
    function fundYield(uint256 assetId, address token, uint256 amount, uint256 duration)
        external
        payable
        returns (uint256 received);

    /// @notice Pays the caller what it earned in a token. A fraction of a base unit stays its own and grows on.
    /// @param to Who receives it, such as another account when the caller's own refuses the coin.
    /// @return amount What was paid.
    function claimYield(uint256 assetId, address token, address to) external returns (uint256 amount);

    /// @notice What an account has at stake on an asset; without what cools down.
    function stakeOf(address account, uint256 assetId) external view returns (uint256);

    /// @notice What all have at stake on an asset; without what cools down.
    function totalStakeOf(uint256 assetId) external view returns (uint256);

    /// @notice The reward tokens of an asset that an account takes part in, in no order.
    function tokensOf(address account, uint256 assetId) external view returns (address[] memory);

    /// @notice What an account could claim now.
    function claimableOf(address account, uint256 assetId, address token) external view returns (uint256);

    /// @notice The same with its fraction: in parts, 2^80 to the base unit.
    function accruedOf(address account, uint256 assetId, address token) external view returns (uint256);

    /// @notice A reward token of an asset, as of now.
    function streamOf(uint256 assetId, address token) external view returns (StreamState memory);

    /// @notice What cools down, or has cooled down, under a number, and from when it can be withdrawn; zero when nothing.
    function coolingOf(address account, uint64 exit) external view returns (uint256 amount, uint64 readyAt);

    /// @notice Seconds that `amount` would wait if the account took it out now.
    function cooldownOf(address account, uint256 amount) external view returns (uint64);

    /// @notice The number of the last event.
    function eventSeq() external view returns (uint64);
}
