"""Which step of which node is next: stages in their order, and after what they wait for."""
from .places import Problem
from .topology import STAGES


def steps(topology, slow):
    """Yields (node, stage) so that every stage follows the node's earlier ones and all it waits for.

    A stage that somebody waits for and that takes the time of the world outside (`slow`: healthy, exit, a start
    that is delayed) comes when nothing else can be done: what it waits for may be another node's work. Stages
    `healthy` and `exit` that nobody waits for are left out, as containerlab does not poll them either.
    """
    awaited = {item for node in topology.nodes.values() for stage in node.stages.values() for item in stage.wait_for}
    needs = {}
    for node in topology.nodes.values():
        before = None
        for stage in STAGES:
            step = (node.name, stage)
            if stage in ("healthy", "exit") and step not in awaited and not extras(node, stage):
                continue
            after = set(node.stages[stage].wait_for)
            if stage == "exit":                 # a node may exit without ever having been healthy
                after.add((node.name, "configure"))
            elif before:
                after.add(before)
            if stage == "create" and node.shares:
                after.add((node.shares, "create"))
            if stage == "create-links":         # a link needs both its ends
                for link in topology.links:
                    names = [end.node for end in link.ends]
                    if node.name in names:
                        after |= {(name, "create") for name in names if name}
            needs[step] = after
            before = step
    done = set()
    while needs:
        ready = [step for step, after in needs.items() if after <= done]
        if not ready:
            raise Problem("the stages wait for each other: " + ", ".join("%s:%s" % step for step in sorted(needs)))
        step = next((step for step in ready if not slow(*step)), ready[0])
        del needs[step]
        yield step
        done.add(step)


def extras(node, stage):
    return node.stages[stage].exec
