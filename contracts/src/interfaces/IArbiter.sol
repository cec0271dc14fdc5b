// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IDisputes} from "./IDisputes.sol";

/// @title Who rules on disputes
/// @notice Disputes tells an arbiter nothing and asks it nothing while a dispute runs, so that an arbiter can hold
/// nothing up: it calls `IDisputes.rule` before the dispute's deadline, or the dispute ends without it.
interface IArbiter {
    /// @notice The contract on whose disputes it rules.
    function DISPUTES() external view returns (IDisputes);
}
