import { openFakeBackend } from '../../../src/backends/fake/fake-backend.ts'
import { SHARED_SETTINGS, withDefaults } from '../../../src/config/settings.ts'
import { describeBackend } from '../../support/describe-backend.ts'

describeBackend('the fake backend', { open: () => openFakeBackend(withDefaults(SHARED_SETTINGS)) })
