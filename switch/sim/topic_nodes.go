package sim

import (
	"fmt"

	"pgregory.net/rapid"

	txswitch "switchyard/switch"
)

// Two switches side by side in front of one issuer: each has its node number, acquirer and processor id, its own journal
// and its own files. Nothing that names something may come twice.

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
	return nodesSection{}
}

type nodesSection struct{}

func (nodesSection) String() string { return "nodes: each its acquirer and processor id" }

func (nodesSection) begin(*world) any { return nodesPart{} }

type nodesPart struct{}

// configure implements configures.
func (nodesPart) configure(n *switchNode, _ int, o *txswitch.Options) {
	o.Config.AcquirerID = fmt.Sprintf("40000%d", 1+n.number)
	o.Config.Clearing.ProcessorID = o.Config.AcquirerID
}
