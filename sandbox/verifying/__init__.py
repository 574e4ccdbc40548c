"""The contract cases, played against whatever answers as a vendor does."""
