package sim

import (
	"fmt"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
)

// Two switches side by side in front of one issuer: each has its node number, its own journal and its own files, and
// its acquirer and processor id, or both have the same. Nothing that names something may come twice.

func init() { addTopic(topic{name: "nodes", draw: drawNodes}) }

const nodesPercent = 15

func drawNodes(t *rapid.T, p *Plan) section {
	if !percent(t, nodesPercent) {
		return nil
	}
	p.Nodes = 2
	for i := range p.Faults {
		p.Faults[i].Node = bits(t, p.Nodes)
	}
	return nodesSection{Shared: percent(t, 50)}
}

type nodesSection struct{ Shared bool }

func (s nodesSection) String() string {
	if s.Shared {
		return "nodes: one acquirer and processor id"
	}
	return "nodes: each its acquirer and processor id"
}

func (s nodesSection) begin(*world) any { return nodesPart{s} }

type nodesPart struct{ nodesSection }

// configure implements configures.
func (p nodesPart) configure(n *switchNode, _ int, o *txswitch.Options) {
	if p.Shared {
		o.Config.AcquirerID, o.Config.Clearing.ProcessorID = "400001", "400001"
		o.Config.Nodes, o.Config.Clearing.NodeInFileID = []uint32{1, 2}, true
		return
	}
	o.Config.AcquirerID = fmt.Sprintf("40000%d", 1+n.number)
	o.Config.Clearing.ProcessorID = o.Config.AcquirerID
}
