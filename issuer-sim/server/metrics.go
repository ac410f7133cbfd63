package server

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"switchyard/issuer-sim/book"
	"switchyard/issuer-sim/message"
)

// metrics counts on the way of a message with plain atomic adds; label look-ups happen when they are scraped.
type metrics struct {
	answered [messageTypes][codeSlots]atomic.Uint64

	connections prometheus.Gauge
	accepted    prometheus.Counter
	refused     prometheus.Counter // connections beyond the limit
	acceptFails prometheus.Counter
	badFrames   *prometheus.CounterVec
	repeats     prometheus.Counter
	unanswered  prometheus.Counter
	faults      *prometheus.CounterVec
	delayed     prometheus.Gauge
	undelayed   prometheus.Counter
	batch       prometheus.Histogram
	batchTime   prometheus.Histogram
	logBytes    prometheus.Counter
	logWrites   prometheus.Counter
}

// messageTypes indexes MTIs by their second and third digit; codeSlots response codes by two characters of 0-9, A-Z.
const (
	messageTypes = 100
	codeSlots    = 36 * 36
)

// Reasons of bad frames.
const (
	badEmpty    = "empty"
	badTooLong  = "too_long"
	badMessage  = "unpack"
	badField    = "field"
	badType     = "message_type"
	badResponse = "response"
	badFraming  = "framing"
	badCut      = "cut"
	badSignOn   = "not_signed_on"
	badMAC      = "no_mac"
	badElements = "elements"
)

func newMetrics(registry prometheus.Registerer, books *book.Book) (*metrics, error) {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "issuersim_" + name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "issuersim_" + name, Help: help}, []string{label})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "issuersim_" + name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "issuersim_" + name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		connections: gauge("connections", "ISO 8583 connections that are open."),
		accepted:    counter("connections_accepted_total", "ISO 8583 connections accepted."),
		refused:     counter("connections_refused_total", "Connections closed at once because of the limit."),
		acceptFails: counter("accept_errors_total", "Failed accepts; accepting goes on after each."),
		badFrames:   counters("bad_frames_total", "Frames that were not worked on, by reason.", "reason"),
		repeats:     counter("repeats_total", "Messages answered from memory."),
		unanswered:  counter("unanswered_total", "Messages on test cards that are never answered."),
		faults:      counters("faults_total", "Faults put in by the rules, by kind.", "kind"),
		delayed:     gauge("delayed_answers", "Answers that wait for their time."),
		undelayed:   counter("delays_skipped_total", "Answers sent without their delay because too many waited."),
		batch: histogram("batch_messages", "Messages that were read in one go and answered in one write.",
			prometheus.ExponentialBuckets(1, 2, 10)),
		batchTime: histogram("batch_seconds", "From reading a batch to having written its answers.",
			prometheus.ExponentialBuckets(0.00001, 2, 16)),
		logBytes:  counter("log_bytes_total", "Bytes appended to the data log."),
		logWrites: counter("log_writes_total", "Writes to the data log."),
	}
	for _, c := range []prometheus.Collector{
		m, &ledgerCollector{books}, m.connections, m.accepted, m.refused, m.acceptFails, m.badFrames, m.repeats,
		m.unanswered, m.faults, m.delayed, m.undelayed, m.batch, m.batchTime, m.logBytes, m.logWrites,
	} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// count counts an answer.
func (m *metrics) count(mti []byte, c message.Code) {
	m.answered[int(mti[1]-'0')*10+int(mti[2]-'0')][slotOf(c)].Add(1)
}

func slotOf(c message.Code) int { return base36(c[0])*36 + base36(c[1]) }

func base36(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'Z':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'z':
		return int(c-'a') + 10
	}
	return 0
}

const base36Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

var answeredDesc = prometheus.NewDesc("issuersim_messages_total",
	"Requests and advices, by message type and response code.", []string{"mti", "code"}, nil)

// Describe implements prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) { ch <- answeredDesc }

// Collect implements prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for t := range m.answered {
		for slot := range m.answered[t] {
			n := m.answered[t][slot].Load()
			if n == 0 {
				continue
			}
			mti := "0" + string(base36Digits[t/10]) + string(base36Digits[t%10]) + "0"
			c := string(base36Digits[slot/36]) + string(base36Digits[slot%36])
			ch <- prometheus.MustNewConstMetric(answeredDesc, prometheus.CounterValue, float64(n), mti, c)
		}
	}
}

// answers is how many messages were answered so far.
func (m *metrics) answers() (n uint64) {
	for t := range m.answered {
		for slot := range m.answered[t] {
			n += m.answered[t][slot].Load()
		}
	}
	return n
}

// ledgerCollector shows the books and how much is kept.
type ledgerCollector struct{ book *book.Book }

var (
	ledgerDesc = prometheus.NewDesc("issuersim_ledger_minor", "Balances of the books in minor units.",
		[]string{"currency", "account"}, nil)
	balancedDesc = prometheus.NewDesc("issuersim_ledger_balanced",
		"1 while the books of every currency balance.", nil, nil)
	keptDesc    = prometheus.NewDesc("issuersim_kept", "What is kept in memory.", []string{"what"}, nil)
	expiredDesc = prometheus.NewDesc("issuersim_expired_holds_total",
		"Authorizations that were forgotten with money still held.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *ledgerCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- ledgerDesc
	ch <- balancedDesc
	ch <- keptDesc
	ch <- expiredDesc
}

// Collect implements prometheus.Collector.
func (c *ledgerCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
	}
	ledger := c.book.Ledger()
	for currency, b := range ledger.Currencies {
		b.Each(func(account string, minor int64) { gauge(ledgerDesc, float64(minor), currency, account) })
	}
	balanced := 0.0
	if ledger.Balanced {
		balanced = 1
	}
	gauge(balancedDesc, balanced)
	kept := c.book.Kept()
	gauge(keptDesc, float64(kept.Cards), "cards")
	gauge(keptDesc, float64(kept.Authorizations), "authorizations")
	gauge(keptDesc, float64(kept.Messages), "messages")
	ch <- prometheus.MustNewConstMetric(expiredDesc, prometheus.CounterValue, float64(kept.ExpiredHolds))
}
