/* figures.h: the tables of a report. */
#ifndef PIPELINE_LOG_FIGURES_H
#define PIPELINE_LOG_FIGURES_H

#include "pipeline/log/query.h"

extern const pri_table_spec pri_report_tables[PRI_NUM_REPORT_TABLES]; /* of one run */
extern const pri_table_spec pri_comparison_table;                     /* over all runs */

#endif
