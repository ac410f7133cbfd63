package doctor

// Limits are what the system allows this process, and what it starts from here.
type Limits struct {
	Files uint64 // open at once
	Core  uint64 // bytes of a core file
}

// besides is how many files a switch has open beside its connections: the journal's and the logs.
const besides = 1200

// limits looks at how many files may be open, and at cores.
func (p *Patient) limits() {
	const name, raise = "open files", "raise LimitNOFILE of its unit, or ulimit -n"
	need := uint64(besides)
	if p.unread == nil {
		need += uint64(p.config.Gateway.MaxConnections)
		for i := range p.config.Issuers {
			need += uint64(p.config.Issuers[i].Links)
		}
	}
	here := p.machine.Limits()
	have, whose := here.Files, "a process of this shell"
	open, most, told := p.running.files()
	if told {
		have, whose = most, "the switch"
	}
	switch {
	case have < need:
		p.add(Warn, name, raise+", or lower gateway.max_connections",
			"%s may have %d, and with all its connections a switch has %d", whose, have, need)
	case told:
		p.ok(name, "the switch has %d of %d", open, most)
	default:
		p.ok(name, "%s may have %d; a switch with all its connections has %d", whose, have, need)
	}
	if here.Core > 0 {
		p.add(Warn, "core files", "ulimit -c 0, or LimitCORE=0 of the unit",
			"programs of this shell may leave what they had in memory, card numbers too, on the disk")
		return
	}
	p.ok("core files", "none are written")
}
