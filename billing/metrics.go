package billing

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/uptrace/bun"
)

// collector shows how far billing is, as the database has it at the moment of the question.
type collector struct {
	s                              *Service
	lag, parked, accounts, waiting *prometheus.Desc
}

// Collectors are the metrics of billing.
func (s *Service) Collectors() []prometheus.Collector {
	gauge := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return []prometheus.Collector{&collector{
		s:        s,
		lag:      gauge("gyro_usage_intake_lag_records", "Records of the charging core that the office has not looked at."),
		parked:   gauge("gyro_usage_parked_records", "Usage records of accounts that the office does not know."),
		accounts: gauge("gyro_invoice_parked_accounts", "Accounts that an invoice run could not bill."),
		waiting:  gauge("gyro_invoice_settlements_waiting", "Settlements of invoiced usage that the charging core has not carried out."),
	}}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.lag, c.parked, c.accounts, c.waiting} {
		to <- d
	}
}

// scrapeWithin bounds what a scrape may take of the database.
const scrapeWithin = 2 * time.Second

// Collect implements prometheus.Collector. A database that does not answer shows as missing values.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	status, err := c.s.Intake.Status(ctx)
	var accounts, waiting int64
	if err == nil {
		err = c.s.db.Read(ctx, func(ctx context.Context, q bun.IDB) error {
			if err := q.NewRaw("SELECT COUNT(DISTINCT billing_account_id) FROM invoice_run_account WHERE state = 'parked'").Scan(ctx, &accounts); err != nil {
				return err
			}
			return q.NewRaw("SELECT COUNT(*) FROM invoice_settlement WHERE settled_at = 0").Scan(ctx, &waiting)
		})
	}
	for d, value := range map[*prometheus.Desc]int64{c.lag: status.Lag(), c.parked: status.Parked, c.accounts: accounts, c.waiting: waiting} {
		if err != nil {
			to <- prometheus.NewInvalidMetric(d, err)
			continue
		}
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value))
	}
}
