package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// Fault is one fault, or something an operator does.
type Fault struct {
	Kind FaultKind
	Node int           // of the switch that it is about
	At   time.Duration // since the actors began
	// Nth, if not 0: not at that time, but at the nth event of the kind's from then on.
	Nth int
	For time.Duration // how long it lasts: the node is down, the network stands still
	// Silent: a crash that no peer is told of, as when a machine loses its power.
	Silent bool
	// Keeps is how much of what was not synced a crash leaves, percent.
	Keeps int
}

// FaultKind is a kind of fault: its name in traces and counts.
type FaultKind string

// The kinds that are no topic's.
const (
	CrashAtTime     FaultKind = "crash"
	CrashInSync     FaultKind = "crash in a sync"     // as the nth sync of the journal begins: it does not come to pass
	CrashAfterSend  FaultKind = "crash after a send"  // right after the nth write to the issuer
	CrashAfterReply FaultKind = "crash after a reply" // right after the nth write to a gateway
	DiskError       FaultKind = "disk error"          // the nth sync fails
	IssuerCrash     FaultKind = "issuer crash"
	Restart         FaultKind = "restart"          // a clean stop and start of the switch
	ResetLinks      FaultKind = "links reset"      // connections to the issuer are cut, with what is under way
	ResetGateways   FaultKind = "gateways reset"   // those of the gateways
	StallLinks      FaultKind = "links stalled"    // nothing arrives for a time
	StallGateways   FaultKind = "gateways stalled" //
	Cutover         FaultKind = "cutover by hand"  // with Nth as the nth write to the issuer is on its way
	HostDown        FaultKind = "host down"        // one of the issuer's hosts is down
	DiskFull        FaultKind = "disk full"        // the switch's disk has no more than its reserve
	CrashInFiles    FaultKind = "crash in files"   // at the nth create, sync or rename of clearing files
)

// faultRow is a kind of fault.
type faultRow struct {
	kind FaultKind
	// draw changes what every fault has drawn; nil: nothing.
	draw func(t *rapid.T, f *Fault)
	// apply does what the fault says. It must not block: what takes time goes into w.aside.
	apply func(w *world, f *Fault)
}

// faultRows are all kinds: those of this file, of which the first is what a shrunk plan has, then the topics' by name.
var faultRows = baseFaults

const baseFaultCount = 15

var baseFaults = []faultRow{
	{CrashAtTime, nil, crash},
	{CrashInSync, atEvent, crash},
	{CrashAfterSend, atEvent, crash},
	{CrashAfterReply, atEvent, crash},
	{DiskError, atEvent, nil},
	{IssuerCrash, nil, func(w *world, f *Fault) { w.issuer.crash(f) }},
	{Restart, nil, func(w *world, f *Fault) { w.nodeOf(f).restart(f) }},
	{ResetLinks, nil, func(w *world, f *Fault) { w.resetHalf(w.nodeOf(f).name) }},
	{ResetGateways, nil, func(w *world, _ *Fault) { w.resetHalf(gatewayName) }},
	{StallLinks, nil, func(w *world, f *Fault) { w.net.stall(w.nodeOf(f).name, f.For) }},
	{StallGateways, nil, func(w *world, f *Fault) { w.net.stall(gatewayName, f.For) }},
	{Cutover, maybeAtEvent, func(w *world, f *Fault) { w.nodeOf(f).cutover(false) }},
	{HostDown, nil, hostDown},
	{DiskFull, nil, func(w *world, f *Fault) { w.nodeOf(f).fill(f.For) }},
	{CrashInFiles, atEvent, crash},
}

// addFaults announces a topic's kinds of faults.
func addFaults(rows ...faultRow) {
	for _, r := range rows {
		at, _ := slices.BinarySearchFunc(faultRows[baseFaultCount:], r.kind, func(have faultRow, kind FaultKind) int {
			return strings.Compare(string(have.kind), string(kind))
		})
		faultRows = slices.Insert(faultRows, baseFaultCount+at, r)
	}
}

func crash(w *world, f *Fault) { w.nodeOf(f).crash(f) }

func hostDown(w *world, f *Fault) {
	addr := issuerAddr
	if w.plan.Hosts > 1 && w.chance.oneIn(3, "which host", uint64(f.At)) {
		addr = secondAddr
	}
	for _, n := range w.nodes {
		w.net.takeDown(n.name, addr, f.For)
	}
}

// resetHalf cuts every other connection that a party dialled.
func (w *world) resetHalf(name string) {
	w.net.each(name, func(near *conn) {
		if near.owner.name == name && w.chance.oneIn(2, "reset", near.serial) {
			near.reset()
		}
	})
}

const mostEvents = 12

// atEvent makes a fault wait for an event.
func atEvent(t *rapid.T, f *Fault) {
	f.Nth = 1 + bits(t, mostEvents)
	f.At /= 2
}

func maybeAtEvent(t *rapid.T, f *Fault) {
	if percent(t, 60) {
		f.Nth, f.At = 1+bits(t, mostEvents), f.At/4
	}
}

func drawFault(t *rapid.T) Fault {
	row := &faultRows[bits(t, len(faultRows))]
	f := Fault{Kind: row.kind, At: between(t, 0, span), For: between(t, 0, 6*time.Second)}
	if row.draw != nil {
		row.draw(t, &f)
	}
	if percent(t, 20) {
		f.For = between(t, 0, 40*time.Second)
	}
	f.Silent = percent(t, 30)
	if percent(t, 50) {
		f.Keeps = []int{50, 100}[bits(t, 2)]
	}
	return f
}

// inject does what a fault says.
func (w *world) inject(f *Fault) {
	w.trace.addf("plan", "%s%s", f.Kind, w.nodeOf(f).suffix())
	w.faults.add(string(f.Kind), 1)
	for i := range faultRows {
		if faultRows[i].kind == f.Kind {
			faultRows[i].apply(w, f)
			return
		}
	}
}

func (f *Fault) text() string {
	t := fmt.Sprintf("fault: %s at %s", f.Kind, f.At)
	if f.Nth > 0 {
		t += fmt.Sprintf(", number %d from then on", f.Nth)
	}
	t += fmt.Sprintf(", for %s, keeps %d %%", f.For, f.Keeps)
	if f.Silent {
		t += ", silently"
	}
	if f.Node > 0 {
		t += fmt.Sprintf(", at node %d", f.Node)
	}
	return t
}
