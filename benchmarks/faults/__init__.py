"""A campaign of faults: processes killed at system calls, disks that fill, limits, two commands at once, broken inputs.

``benchmarks/campaign.py`` runs it. Every case works in a copy of a home of its own and tells what did not hold:
:mod:`faults.cases` says what a case is, :mod:`faults.whole` what holds means.
"""
