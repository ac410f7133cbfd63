package txswitch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"switchyard/internal/config"
	"switchyard/switch/clearing"
	"switchyard/switch/merchant"
)

// Config is switchd's configuration, as configs/switchd.yaml shows it. DefaultConfig is what holds without a file.
type Config struct {
	Data string `yaml:"data"` // folder of the journal, the key and the clearing files
	Node uint32 `yaml:"node"` // 0 to 35; in payment ids, RRNs and ARNs
	// Nodes are the numbers of all switches that send under this acquirer id to the same hosts, this one's included: each
	// takes its share of the STANs. None: it is the only one.
	Nodes []uint32 `yaml:"nodes"`
	// AcquirerID is DE32; its first six digits are the BIN in ARNs.
	AcquirerID string `yaml:"acquirer_id"`
	// AcquirerBINs are the BINs in ARNs, in order, each for 999,999,999 on a business date; none: the first six digits
	// of the payment's acquirer.
	AcquirerBINs []string `yaml:"acquirer_bins"`

	Gateway  GatewayConfig  `yaml:"gateway"`
	Operator OperatorConfig `yaml:"operator"`
	Key      KeyConfig      `yaml:"key"`
	Issuers  []IssuerConfig `yaml:"issuers"`
	Routes   RoutesConfig   `yaml:"routes"`

	Merchants MerchantsConfig `yaml:"merchants"`
	// CaptureWindows say for how long authorizations may be captured whose merchants have no window of their own: the
	// first row that fits, else merchant.DefaultCaptureWindowDays.
	CaptureWindows []merchant.WindowRow `yaml:"capture_windows"`

	BusinessDay BusinessDayConfig `yaml:"business_day"`
	Mark        MarkConfig        `yaml:"mark"`
	Clearing    ClearingConfig    `yaml:"clearing"`
	Limits      LimitsConfig      `yaml:"limits"`
	StandIn     StandInConfig     `yaml:"stand_in"`
	Log         LogConfig         `yaml:"log"`
	// CoreDumps says whether the process may be dumped: allow, refuse, or "" to refuse where Clearing.Production is set.
	CoreDumps string `yaml:"core_dumps"`
}

// RefusesDumps tells whether the process may not be dumped, nor its memory be read by others of its user.
func (c *Config) RefusesDumps() bool { return c.CoreDumps == "refuse" || c.Clearing.Production }

// MarkConfig says where the mark lies by which a data folder that was put back to an earlier copy is recognised.
type MarkConfig struct {
	File string `yaml:"file"` // default <data>.mark, beside the data folder
}

// KeyConfig says where the key that seals cards comes from: a file or an environment variable. With neither it is
// <data>/switchd.key, made at the first start on an empty data folder.
type KeyConfig struct {
	File string `yaml:"file"`
	Env  string `yaml:"env"`
}

// BusinessDayConfig says when the business day ends.
type BusinessDayConfig struct {
	Cutover  config.TimeOfDay `yaml:"cutover"`  // local time; 00:00 is the end of the calendar day
	Timezone string           `yaml:"timezone"` // IANA name
	// Follow names the issuer whose host closes the open date with its own cutover (0800, DE70 201); none by default, so
	// that the clock alone does. The scheduled cutover stays.
	Follow string `yaml:"follow"`
}

// ClearingConfig says how clearing files are written.
type ClearingConfig struct {
	ProcessorID string `yaml:"processor_id"` // up to 11 digits
	CodePage    string `yaml:"code_page"`    // cp500 or ascii
	Blocked     bool   `yaml:"blocked"`      // 1014 blocking
	Framing     string `yaml:"framing"`      // vbs, or rdw for record descriptor words
	// Forms are the destinations whose files have another code page, blocking or framing.
	Forms      []FormConfig `yaml:"forms"`
	Production bool         `yaml:"production"` // else the header says test
	// NodeInFileID is for nodes that share a processor id: the last five digits of a file id are then the node (2) and the
	// sequence (3), else all five are the sequence.
	NodeInFileID bool `yaml:"node_in_file_id"`
	// MaxRecords is how many presentments one file holds at most; a destination's further ones are in further files.
	// Default and bound: clearing.MaxPresentments.
	MaxRecords int `yaml:"max_records"`
	// NoSettlement are the days on which destinations get no files.
	NoSettlement []NoSettlementConfig `yaml:"no_settlement"`
	// Windows are the local times of day at which destinations get files of what they have on the date so far.
	Windows []WindowsConfig `yaml:"windows"`
	// Incoming is the folder of the files that a clearing system sends back; "": incoming, in the data folder.
	Incoming string `yaml:"incoming"`
	// Disputes says for how long chargebacks may be answered.
	Disputes DisputesConfig `yaml:"disputes"`
}

// DisputesConfig says for how many calendar days from the date in its file's id a chargeback may be answered.
type DisputesConfig struct {
	Days    int            `yaml:"days"`    // of a reason that the others do not name; 0: incoming.DefaultDisputeDays
	Reasons map[string]int `yaml:"reasons"` // by DE25, four digits
}

const maxDisputeDays = 366

func (d *DisputesConfig) check() error {
	if d.Days < 0 || d.Days > maxDisputeDays {
		return fmt.Errorf("days: %d: expected 1 to %d, or 0 for the default", d.Days, maxDisputeDays)
	}
	for _, reason := range slices.Sorted(maps.Keys(d.Reasons)) {
		if len(reason) != 4 || strings.Trim(reason, "0123456789") != "" {
			return fmt.Errorf("reasons: %q: expected the four digits of DE25", reason)
		}
		if days := d.Reasons[reason]; days < 1 || days > maxDisputeDays {
			return fmt.Errorf("reasons: %s: %d: expected 1 to %d", reason, days, maxDisputeDays)
		}
	}
	return nil
}

// LogConfig says what is logged.
type LogConfig struct {
	Level string `yaml:"level"` // debug, info, warn or error
}

var logLevels = []string{"debug", "info", "warn", "error"}

// DefaultConfig is what a daemon without a file runs with: one route for every card, to an issuer on loopback.
func DefaultConfig() *Config {
	return &Config{
		Data:       "./switchd-data",
		Node:       1,
		AcquirerID: "400001",
		Gateway:    defaultGateway(),
		Operator:   OperatorConfig{Listen: "127.0.0.1:9583"},
		Issuers:    []IssuerConfig{{Name: "issuer", Address: "127.0.0.1:8583"}},
		Merchants:  MerchantsConfig{Unknown: "accept", Default: merchant.DefaultProfile()},
		BusinessDay: BusinessDayConfig{
			Timezone: "UTC",
		},
		Clearing: ClearingConfig{
			ProcessorID: "400001", CodePage: "cp500", Blocked: true, Framing: framingVBS,
			MaxRecords: clearing.MaxPresentments,
		},
		Limits: defaultLimits(),
		Log:    LogConfig{Level: "info"},
	}
}

// ParseConfig reads a configuration file over the defaults, and with read the files that it names.
func ParseConfig(name string, text []byte, read func(string) ([]byte, error)) (*Config, error) {
	c := DefaultConfig()
	defaultIssuers := c.Issuers
	c.Issuers = nil
	if err := config.Decode(name, text, c); err != nil {
		return nil, err
	}
	if c.Issuers == nil {
		c.Issuers = defaultIssuers
	}
	if err := c.readFiles(read); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

func (c *Config) readFiles(read func(string) ([]byte, error)) (err error) {
	if c.Routes.File != "" {
		if c.Routes.Table, err = read(c.Routes.File); err != nil {
			return fmt.Errorf("routes.file: %w", err)
		}
	}
	if c.Merchants.File != "" {
		text, err := read(c.Merchants.File)
		if err != nil {
			return fmt.Errorf("merchants.file: %w", err)
		}
		if c.Merchants.Profiles, err = merchant.Parse(c.Merchants.File, text); err != nil {
			return err
		}
	}
	for i := range c.Issuers {
		if x := &c.Issuers[i]; x.SpecFile != "" {
			if x.Spec, err = read(x.SpecFile); err != nil {
				return fmt.Errorf("issuers[%d].spec_file: %w", i, err)
			}
		}
	}
	return nil
}

// maxNameLen bounds the names of issuers and destinations, which stand in the journal's keys.
const maxNameLen = 64

// storable tells whether a name can stand in the journal's keys and in metrics.
func storable(name string) bool {
	return name != "" && len(name) <= maxNameLen &&
		strings.IndexFunc(name, func(r rune) bool { return r < 0x20 || r > 0x7e }) < 0
}

// Check finds what is wrong with a configuration before anything is opened; its error names the key.
func (c *Config) Check() error {
	switch {
	case c.Data == "":
		return errors.New("data: missing; expected a folder")
	case c.Node > 35:
		return fmt.Errorf("node: %d: expected 0 to 35", c.Node)
	case len(c.Nodes) > 0 && !slices.Contains(c.Nodes, c.Node):
		return fmt.Errorf("nodes: %v: expected the switch's own, %d, among them", c.Nodes, c.Node)
	case len(c.AcquirerID) < 6 || len(c.AcquirerID) > 11 || strings.Trim(c.AcquirerID, "0123456789") != "":
		return fmt.Errorf("acquirer_id: %q: expected 6 to 11 digits (DE32)", c.AcquirerID)
	case len(c.AcquirerBINs) > 0 && badBIN(c.AcquirerBINs) != "":
		return fmt.Errorf("acquirer_bins: %s: expected BINs of six digits, each once", badBIN(c.AcquirerBINs))
	case len(c.Clearing.ProcessorID) < 6 || len(c.Clearing.ProcessorID) > 11 ||
		strings.Trim(c.Clearing.ProcessorID, "0123456789") != "":
		return fmt.Errorf("clearing.processor_id: %q: expected 6 to 11 digits", c.Clearing.ProcessorID)
	case c.Clearing.MaxRecords < 1 || c.Clearing.MaxRecords > clearing.MaxPresentments:
		return fmt.Errorf("clearing.max_records: %d: expected 1 to %d, the presentments of a file", c.Clearing.MaxRecords,
			clearing.MaxPresentments)
	case c.Merchants.Unknown != "accept" && c.Merchants.Unknown != "refuse":
		return fmt.Errorf("merchants.unknown: %q: expected accept or refuse", c.Merchants.Unknown)
	case len(c.Issuers) == 0:
		return errors.New("issuers: at least one expected")
	case !slices.Contains(logLevels, c.Log.Level):
		return fmt.Errorf("log.level: %q: expected debug, info, warn or error", c.Log.Level)
	case !slices.Contains([]string{"", "allow", "refuse"}, c.CoreDumps):
		return fmt.Errorf("core_dumps: %q: expected allow, refuse or nothing", c.CoreDumps)
	case c.CoreDumps == "allow" && c.Clearing.Production:
		return errors.New("core_dumps: allow, with clearing.production: real cards would stand in a core; expected refuse, " +
			"or nothing")
	}
	if err := c.Limits.check(); err != nil {
		return err
	}
	if _, err := c.Clearing.form(); err != nil {
		return err
	}
	if _, err := c.Clearing.forms(); err != nil {
		return err
	}
	if err := c.Clearing.Disputes.check(); err != nil {
		return fmt.Errorf("clearing.disputes.%w", err)
	}
	if _, err := c.Clearing.calendar(); err != nil {
		return err
	}
	if _, err := c.Clearing.windows(c.BusinessDay.Cutover); err != nil {
		return err
	}
	if _, err := time.LoadLocation(c.BusinessDay.Timezone); err != nil {
		return fmt.Errorf("business_day.timezone: %w", err)
	}
	if c.BusinessDay.Timezone == "Local" { // a rebuilt file must have the same bytes on any machine (I8)
		return errors.New("business_day.timezone: Local: expected an IANA name, which means the same everywhere")
	}
	if err := c.checkMerchants(); err != nil {
		return err
	}
	if _, err := merchant.NewWindows(c.CaptureWindows); err != nil {
		return err
	}
	if err := c.StandIn.check(); err != nil {
		return fmt.Errorf("stand_in: %w", err)
	}
	for i, node := range c.Nodes {
		if node > 35 || slices.Contains(c.Nodes[:i], node) {
			return fmt.Errorf("nodes: %d: expected numbers from 0 to 35, each once", node)
		}
	}
	for i := range c.Issuers {
		if err := c.checkIssuer(i); err != nil {
			return fmt.Errorf("issuers[%d]: %w", i, err)
		}
		if err := c.Issuers[i].fits(c.AcquirerID); err != nil {
			return fmt.Errorf("issuers[%d]: %w", i, err)
		}
	}
	follow := c.BusinessDay.Follow
	if follow != "" && !slices.ContainsFunc(c.Issuers, func(x IssuerConfig) bool { return x.Name == follow }) {
		return fmt.Errorf("business_day.follow: %q is not among the issuers; expected the name of one, or nothing", follow)
	}
	table, err := c.table()
	if err != nil {
		return fmt.Errorf("routes: %w", err)
	}
	if err := c.checkDestinations(table); err != nil {
		return err
	}
	if err := c.Operator.check(); err != nil {
		return fmt.Errorf("operator.%w", err)
	}
	if err := c.Gateway.check(); err != nil {
		return fmt.Errorf("gateway.%w", err)
	}
	return nil
}

const binLen = 6

// badBIN returns the first that is none, or stands twice; "" if all are well.
func badBIN(bins []string) string {
	for i, bin := range bins {
		if len(bin) != binLen || strings.Trim(bin, "0123456789") != "" || slices.Contains(bins[:i], bin) {
			return strconv.Quote(bin)
		}
	}
	return ""
}

// markFile is the path of the mark outside of the data folder.
func (c *Config) markFile() string {
	if c.Mark.File != "" {
		return c.Mark.File
	}
	return strings.TrimRight(c.Data, "/") + ".mark"
}
