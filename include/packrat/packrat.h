/* packrat.h: the whole public face. */
#ifndef PACKRAT_H
#define PACKRAT_H

#include <packrat/base.h>
#include <packrat/cache.h>
#include <packrat/loaders.h>
#include <packrat/log.h>
#include <packrat/nn.h>
#include <packrat/nouns.h>
#include <packrat/numa.h>
#include <packrat/partition.h>
#include <packrat/pipeline.h>
#include <packrat/sampler.h>
#include <packrat/serve.h>

#endif
