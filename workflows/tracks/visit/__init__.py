"""The visit: tentative → confirmed → advance_done → arrived → completed.

Beside that: on_hold (one party suffices; it ends when every party confirms again), postponed, curtailed, cancelled.
Confirming it needs the invitation accepted, every condition of the visit satisfied, and the understanding effective.
"""
