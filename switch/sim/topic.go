package sim

import (
	"cmp"
	"slices"
	"strings"

	"pgregory.net/rapid"

	issuersim "switchyard/issuer-sim"
	txswitch "switchyard/switch"
)

// A topic is a subject of its own in the plans: what it draws, what it changes about the nodes, what it does while the
// actors play, and what it holds the books against. It stands in one file, topic_NAME.go, which announces it with
// addTopic, and its faults with addFaults and its rules of the issuer's with addRules; nothing else has to change.
type topic struct {
	name string
	// since orders topics before their names: one that came later is drawn after those that were there, so that plans
	// without it are what they were.
	since int
	// draw makes the topic's section of a plan; nil: it has no part in it. What it draws first should say so with the
	// false of a coin, so that a shrunk plan is without it. It may change what was drawn before it.
	draw func(t *rapid.T, p *Plan) section
}

// section is a topic's part of a plan: values that never change, since a plan is played several times.
type section interface {
	// String is the section as a person reads it, in one line.
	String() string
	// begin makes the topic's part in one run: something that implements those of the interfaces below that it needs.
	begin(w *world) any
}

// hosts is a section that adds rules of the issuer's: while there are faults, and calm, which stay to the end.
type hosts interface {
	rules(calm bool) (yaml string)
}

// What a part may do. Parts are called in the order in which their topics were drawn.
type (
	// configures changes what a life of a node is made of before it starts: its configuration, its keys, its disk. Lives
	// count from 1.
	configures interface {
		configure(n *switchNode, life int, o *txswitch.Options)
	}
	// spoils changes a life's configuration once it was checked, to what a start would refuse today.
	spoils interface {
		spoil(n *switchNode, life int, o *txswitch.Options)
	}
	// prepares does something before a life of a node opens its disk, as an operator whose switch is down.
	prepares interface {
		prepare(n *switchNode, life int)
	}
	// equips changes what a life of the issuer is made of.
	equips interface{ equip(o *issuersim.Options) }
	// plays does something beside the actors. The plan is played when each play has returned.
	plays interface{ play() }
	// sees is told of each message that a node writes to the issuer, as it does. It must not block.
	sees interface {
		sends(n *switchNode, mti string)
	}
	// delivers is told of each file that the clearing system has taken while the plan is played, and in quiet times.
	delivers interface {
		delivered(path string, text []byte)
	}
	// calms takes the topic's faults back: from now on everything must come to its end.
	calms interface{ calm() }
	// hastens says what has not come to its end yet although no node says so, "" if everything is.
	hastens interface{ unrest() string }
	// concludes does something in quiet times, when everything has drained, before the last cutover.
	concludes interface{ conclude() }
	// closes goes on after a node's last cutover, until all that was accepted stands in files.
	closes interface{ close(n *switchNode) }
	// reads completes the books of a node once they were read.
	reads interface{ read(b *books) error }
	// checks holds the books in the end against what the topic knows.
	checks interface{ check(all []*books) }
	// follows does something last, after the check of everything.
	follows interface{ after() }
	// excuses tells whether the end of an operation is as it should be although it is neither approved, declined nor
	// failed, and whether its payment may stand apart in the audit.
	excuses interface {
		excuse(b *books, p *exported, op int) bool
	}
)

// topics are those that were announced, by since and name.
var topics []topic

// addTopic announces a topic; it is called by the init of the topic's file.
func addTopic(t topic) {
	since := t.since
	at, _ := slices.BinarySearchFunc(topics, t.name, func(t topic, name string) int {
		return cmp.Or(cmp.Compare(t.since, since), strings.Compare(t.name, name))
	})
	topics = slices.Insert(topics, at, t)
}

// drawSections draws what each topic adds to a plan; a topic sees the sections of those before it.
func drawSections(t *rapid.T, p *Plan) {
	for i := range topics {
		if s := topics[i].draw(t, p); s != nil {
			p.Sections = append(p.Sections, s)
		}
	}
}

// partsOf are the parts of a run that implement an interface.
func partsOf[T any](w *world) (found []T) {
	for _, p := range w.parts {
		if t, ok := p.(T); ok {
			found = append(found, t)
		}
	}
	return found
}

// sectionOf is a topic's section in a plan.
func sectionOf[T section](p *Plan) (s T, ok bool) {
	for _, any := range p.Sections {
		if s, ok = any.(T); ok {
			return s, true
		}
	}
	return s, false
}
