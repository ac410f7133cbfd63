package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"pgregory.net/rapid"

	issuersim "switchyard/issuer-sim"
	"switchyard/spec"
	"switchyard/spec/mapping"
	txswitch "switchyard/switch"
)

// Hosts that are not like issuer-sim is by itself: that repeat little of what they are asked, take no sign-on or insist
// on it, answer no echo, are sent other elements than ours, and have response codes of their own. The issuer is told to
// be so, and the switch what to expect.

func init() { addTopic(topic{name: "host", since: 1, draw: drawHost}) }

const hostPercent = 40

// hostSection is what the hosts of a plan are like.
type hostSection struct {
	Match   []int // what an answer must repeat; nil: as by default
	Repeats []int // and what it has beside DE11, 38 and 39; nil: as by default

	SignOn string // of the switch's configuration
	Strict bool   // the host refuses everything before a sign-on
	Takes  string // what the host does to sign-ons to the end: "" takes them, or refuses or ignores
	NoEcho bool

	Mapping mapping.Config
	Answers map[string]string // response codes of the issuer's and what it answers instead
	Strange bool              // some requests are approved with 11, which Answers makes something that nobody knows
}

// What a host does to sign-ons.
const (
	hostRefuses = "refuses"
	hostIgnores = "ignores"
)

func drawHost(t *rapid.T, p *Plan) section {
	if !percent(t, hostPercent) {
		return nil
	}
	s := &hostSection{}
	if percent(t, 60) {
		s.drawMatch(t)
	}
	switch bits(t, 6) {
	case 0, 1:
		s.Strict = true
	case 2:
		s.SignOn = "optional"
	case 3:
		s.SignOn, s.Takes = "optional", hostRefuses
	case 4:
		s.SignOn, s.Takes = "optional", hostIgnores
	case 5:
		s.SignOn = "none"
	}
	s.NoEcho = percent(t, 30) || s.Takes == hostIgnores
	if percent(t, 70) {
		s.drawMapping(t, p)
	}
	s.fit(p)
	return s
}

// matchable are the elements that an answer can be required to repeat.
var matchable = []int{2, 3, 4, 7, 12, 37, 41, 49}

func (s *hostSection) drawMatch(t *rapid.T) {
	s.Match = []int{}
	for _, de := range matchable {
		if percent(t, 40) {
			s.Match = append(s.Match, de)
		}
	}
	s.Repeats = slices.Clone(s.Match)
	if percent(t, 50) { // and what nobody asked for
		for _, de := range issuersim.Repeatable() {
			if !slices.Contains(s.Repeats, de) && percent(t, 40) {
				s.Repeats = append(s.Repeats, de)
			}
		}
	}
}

func (s *hostSection) drawMapping(t *rapid.T, p *Plan) {
	m := &s.Mapping
	iso1993 := false
	if d, ok := sectionOf[dialectSection](p); ok {
		iso1993 = strings.HasPrefix(d.name, "iso93")
	}
	if m.Acceptor = []string{"", "subfields", "omit"}[bits(t, 3)]; m.Acceptor == "subfields" && !iso1993 {
		m.Acceptor = "omit" // DE43 has 40 characters there, and no room for what parts them
	}
	m.Original = []string{"", "short", "omit"}[bits(t, 3)]
	if percent(t, 25) {
		m.Private = "off"
	}
	if percent(t, 40) {
		m.Constants = []mapping.Constant{{DE: 60, Value: "0001"}, {DE: 62, Value: "A", MTI: []string{"0100", "0420"}}}
		m.Templates = []mapping.Constant{{DE: 61, Value: "{rrn}/{stan}/{number}", MTI: []string{"0220"}}}
		if m.Private != "" {
			m.Constants = append(m.Constants, mapping.Constant{DE: 48, Value: "ITS OWN"})
		}
	}
	codes := &hostCodes1987
	if iso1993 {
		codes = &hostCodes1993
	}
	switch bits(t, 4) {
	case 1:
		s.Answers, m.Codes = codes.turnedAnswers, codes.turned
	case 2:
		s.Strange = true
		s.Answers, m.Codes = map[string]string{codes.vip: codes.strange[bits(t, len(codes.strange))]}, codes.unknown
	case 3:
		s.Answers, m.Codes = map[string]string{codes.funds: codes.strange[bits(t, len(codes.strange))]}, codes.unknown
	}
}

// hostCodes are the codes of an edition with which a host surprises.
type hostCodes struct {
	// turned are codes that stand for one another in a ring, so that one that is translated twice, or the wrong way, is
	// another one: the host's and ours, and the issuer's and the host's.
	turned, turnedAnswers map[string]string
	vip, funds            string            // 11 and 51
	strange               []string          // that leave an outcome unknown
	unknown               map[string]string // which the switch has to be told
}

var (
	hostCodes1987 = hostCodes{
		turned:        map[string]string{"51": "00", "91": "51", "00": "91"},
		turnedAnswers: map[string]string{"00": "51", "51": "91", "91": "00"},
		vip:           "11", funds: "51",
		strange: []string{"68"}, unknown: map[string]string{"68": mapping.Unknown},
	}
	hostCodes1993 = hostCodes{
		turned:        map[string]string{"116": "00", "912": "51", "400": "91", "000": "00"},
		turnedAnswers: map[string]string{"000": "116", "116": "912", "912": "400", "400": "000"},
		vip:           "003", funds: "116",
		strange: []string{"300", "400", "500", "800"}, // of other classes than requests
	}
)

// fit makes the plan one that such a host can play.
func (s *hostSection) fit(p *Plan) {
	ends, nearEnds := sectionOf[*endsSection](p)
	clocks, set := sectionOf[*clockSection](p)
	_, restores := sectionOf[restoreSection](p)
	if s.stanAlone() && (restores || nearEnds && ends.STANs >= 0 || set && clocks.Rounds) {
		// What is said to be given there, or may have been given since a copy, stays reserved for minutes, and nothing
		// would be approved.
		s.Match = append(s.Match, 37)
		if !slices.Contains(s.Repeats, 37) {
			s.Repeats = append(s.Repeats, 37)
		}
	}
	if s.Match != nil && !slices.Contains(s.Match, 37) {
		// An answer that says it is another request's of the same second is that, to whoever looks at no RRN.
		for i := range p.Rules {
			if r := &p.Rules[i]; r.Fault == "swapped" || r.Fault == "wrong_stan" {
				r.Fault = "late"
			}
		}
	}
}

// String implements section.
func (s *hostSection) String() string {
	t := fmt.Sprintf("host: an answer must repeat %v, has %v; sign-on %q, strict %t, the host %q; no echo %t; mapping %+v",
		s.Match, s.Repeats, s.SignOn, s.Strict, s.Takes, s.NoEcho, s.Mapping)
	if s.Answers != nil {
		t += fmt.Sprintf("; the host's codes %v, strange %t", s.Answers, s.Strange)
	}
	return t
}

func (s *hostSection) begin(w *world) any {
	for what, is := range map[string]bool{
		"answers have less": s.Match != nil, "answers have their STAN alone": s.stanAlone(),
		"sign-on is optional": s.SignOn == "optional",
		"refuses the sign-on": s.Takes == hostRefuses, "ignores the sign-on": s.Takes == hostIgnores,
		"no sign-on": s.SignOn == "none", "insists on sign-on": s.Strict, "no echo": s.NoEcho,
		"no private data": s.Mapping.Private != "", "acceptor " + s.Mapping.Acceptor: s.Mapping.Acceptor != "",
		"original " + s.Mapping.Original: s.Mapping.Original != "", "constants": s.Mapping.Constants != nil,
		"codes of its own": s.Answers != nil, "codes that nobody knows": s.Strange,
	} {
		if is {
			w.faults.add("host: "+what, 1)
		}
	}
	return &hostPart{s, w}
}

// stanAlone tells whether neither DE7 nor DE37 comes back.
func (s *hostSection) stanAlone() bool {
	return s.Match != nil && !slices.Contains(s.Match, 7) && !slices.Contains(s.Match, 37)
}

// rules implements hosts.
func (s *hostSection) rules(calm bool) string {
	var b strings.Builder
	switch s.Takes {
	case hostRefuses:
		b.WriteString("  - when: {mti: [\"0800\"]}\n    fault: {kind: refuse_sign_on}\n")
	case hostIgnores:
		b.WriteString("  - when: {mti: [\"0800\"]}\n    fault: {kind: no_answer}\n")
	}
	if s.Strict && !calm { // and it does not take each
		b.WriteString("  - when: {mti: [\"0800\"], until: 20s}\n    probability: 0.4\n    fault: {kind: refuse_sign_on}\n")
	}
	if s.Strange && !calm {
		b.WriteString("  - when: {mti: [\"0100\", \"0200\"]}\n    probability: 0.3\n    response_code: \"11\"\n")
	}
	return b.String()
}

type hostPart struct {
	*hostSection
	w *world
}

// configure implements configures.
func (h *hostPart) configure(_ *switchNode, _ int, o *txswitch.Options) {
	for i := range o.Config.Issuers {
		x := &o.Config.Issuers[i]
		x.Match, x.SignOn, x.NoEcho, x.Mapping = h.Match, h.SignOn, h.NoEcho, h.Mapping
	}
}

// equip implements equips.
func (h *hostPart) equip(o *issuersim.Options) {
	o.Repeats, o.Codes, o.Require.SignOn = h.Repeats, h.Answers, h.Strict
}

// read implements reads. A host without private data knows neither acquirer references nor the numbers of captures, nor
// what a refund pays back; it is audited as if it had been told those of what it posted under an RRN, by amount.
func (h *hostPart) read(b *books) error {
	if h.Mapping.Private == "" {
		return nil
	}
	var out bytes.Buffer
	dec, enc := json.NewDecoder(bytes.NewReader(b.authorizations)), json.NewEncoder(&out)
	dec.UseNumber()
	used := map[string]bool{} // acquirer references
	for {
		var line map[string]any
		if err := dec.Decode(&line); errors.Is(err, io.EOF) {
			b.authorizations = out.Bytes()
			return nil
		} else if err != nil {
			return err
		}
		postings, _ := line["postings"].([]any)
		for _, one := range postings {
			if posting, ok := one.(map[string]any); ok {
				b.refer(line, posting, used)
			}
		}
		if err := enc.Encode(line); err != nil {
			return err
		}
	}
}

// refer gives a posting the references of the operation that it can only be, where the issuer was told none.
func (b *books) refer(line, posting map[string]any, used map[string]bool) {
	for _, voided := range []bool{posting["state"] == "reversed", posting["state"] != "reversed"} {
		for i := range b.list {
			p := &b.list[i]
			for j := range p.Ops {
				op := &p.Ops[j]
				moved := op.Granted
				if op.Op == "capture" {
					moved = op.Amount
				}
				if op.ARN == "" || used[op.ARN] || op.RRN != line["rrn"] || p.voided(j) != voided ||
					json.Number(strconv.FormatInt(moved, 10)) != posting["amount"] {
					continue
				}
				used[op.ARN] = true
				posting["arn"] = op.ARN
				switch op.Op {
				case "capture":
					posting["number"] = strconv.Itoa(op.Number)
				case "refund":
					line["first_rrn"] = p.Ops[0].RRN
				}
				return
			}
		}
	}
}

// voided tells whether an operation was taken back.
func (p *exported) voided(op int) bool {
	for i := range p.Ops {
		if v := &p.Ops[i]; (v.Op == "void" || v.Op == "void_presentment") && v.Target == op && v.State == "approved" {
			return true
		}
	}
	return false
}

// check implements checks: in ISO 8583:1993 a capture says that it is one, and whatever else clears that it is new,
// also to a host that is not told the original.
func (h *hostPart) check(all []*books) {
	if h.w.codec.Version() != spec.ISO1993 {
		return
	}
	for _, b := range all {
		captures := map[string]bool{}
		for i := range b.list {
			voice := b.list[i].Ops[0].Op == "voice"
			for j := range b.list[i].Ops {
				op := &b.list[i].Ops[j]
				captures[identity(op.Host, op.DE7, op.STAN)] = op.Op == "capture" && !voice
			}
		}
		for _, f := range h.w.wire.all() {
			if f.node != b.node || f.mti[1] != '2' {
				continue
			}
			want := "200"
			if captures[f.identity()] {
				want = "201"
			}
			if f.function != want {
				h.w.failf("a capture is sent as something else", "%s with DE24 %s, want %s", f.text(), f.function, want)
			}
		}
	}
}
