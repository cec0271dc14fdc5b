// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @notice Returns nothing from its calls, and wants allowances set to zero before they change.
contract NoReturnToken {
    mapping(address account => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        require(amount == 0 || allowance[msg.sender][spender] == 0, "set to zero first");
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @notice Keeps one part in a hundred of every transfer.
contract FeeToken is ERC20("Fee", "FEE") {
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from == address(0) || to == address(0)) return super._update(from, to, amount);
        super._update(from, address(0), amount / 100);
        super._update(from, to, amount - amount / 100);
    }
}

/// @notice Refuses transfers to blocked accounts.
contract BlockingToken is ERC20("Blocking", "BLK") {
    mapping(address account => bool) public blocked;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function setBlocked(address account, bool value) external {
        blocked[account] = value;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!blocked[to], "blocked");
        super._update(from, to, amount);
    }
}

/// @notice Calls its sender's code before it moves anything, as ERC-777 does.
contract HookToken is ERC20("Hook", "HOOK") {
    address public target;
    bytes public data;
    bool public succeeded;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(address newTarget, bytes memory newData) external {
        (target, data) = (newTarget, newData);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (target != address(0)) {
            address once = target;
            target = address(0);
            (succeeded,) = once.call(data);
        }
        super._update(from, to, amount);
    }
}

/// @notice Balances are shares of a supply that grows and shrinks by itself; a transfer may move a base unit less.
contract RebasingToken {
    uint256 private constant ONE = 1e18;
    uint256 private scale = ONE;
    mapping(address account => uint256) private shares;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        shares[to] += amount * ONE / scale;
    }

    /// @notice Makes of each balance of one `newScale` / 1e18.
    function rebase(uint256 newScale) external {
        scale = newScale;
    }

    function balanceOf(address account) public view returns (uint256) {
        return shares[account] * scale / ONE;
    }

    function approve(address spender, uint256 amount) external returns (bool) {
        allowance[msg.sender][spender] = amount;
        return true;
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        _move(msg.sender, to, amount);
        return true;
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        allowance[from][msg.sender] -= amount;
        _move(from, to, amount);
        return true;
    }

    function _move(address from, address to, uint256 amount) private {
        uint256 moved = amount * ONE / scale;
        shares[from] -= moved;
        shares[to] += moved;
    }
}
